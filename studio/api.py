"""``/v1/fine_tuning/jobs`` in OpenAI's shapes, and what was found in a training file."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from common.ids import from_public_id
from files import queries as files
from files.models import StoredFile
from studio import queries
from studio.errors import UnknownFile
from studio.models import Dataset, FineTuningJob
from studio.services import estimates, fine_tuning, mending
from studio.shapes import (
    CheckpointPageIn,
    EstimateIn,
    EventPageIn,
    JobIn,
    JobPageIn,
    MendingIn,
    checkpoint_out,
    estimate_out,
    event_out,
    job_out,
    mending_out,
    validation_out,
)
from tenants.key_api import KeyView, listed, operation_key
from tenants.models import Permission
from tenants.scope import scope

SHOWN = (
    "offer__model_version__model",
    "dataset__file",
    "validation__file",
    "result_file",
    "compute_job__cluster__region",
    "tuned_model__offer",
    "tuned_model__service",
    "tuned_model__engine",
)


def page_of(
    rows: QuerySet[Any], asked: dict[str, Any], *, by: str = "id"
) -> tuple[list[Any], bool]:
    """Return the rows of one page, newest first, and whether there are more.

    Identifiers made within one millisecond are in no order: what has an order of its own names it.
    """
    if after := asked.get("after"):
        last = after if by == "id" else rows.filter(id=after).values(by)
        rows = rows.filter(**{f"{by}__lt": last})
    found = list(rows.order_by(f"-{by}")[: asked["limit"] + 1])
    return found[: asked["limit"]], len(found) > asked["limit"]


def split_query(request: Request) -> tuple[dict[str, str], dict[str, str]]:
    """Return the plain parameters, and those of the form ``metadata[name]=value``."""
    plain: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in request.query_params.dict().items():
        if name.startswith("metadata[") and name.endswith("]"):
            metadata[name[len("metadata[") : -1]] = value
        else:
            plain[name] = value
    return plain, metadata


class JobList(KeyView):
    """The organization's jobs."""

    permissions = {"GET": Permission.STUDIO_READ, "POST": Permission.STUDIO_MANAGE}

    def get(self, request: Request) -> Response:
        """List the jobs, newest first."""
        plain, metadata = split_query(request)
        asked = JobPageIn(data=plain)
        asked.is_valid(raise_exception=True)
        with scope(self.organization):
            jobs = FineTuningJob.objects.filter(
                organization=self.organization, metadata__contains=metadata
            )
            page, has_more = page_of(jobs.select_related(*SHOWN), asked.validated_data)
            return Response(listed([job_out(job) for job in page], has_more=has_more))

    def post(self, request: Request) -> Response:
        """Ask for a job."""
        wanted = JobIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        file_id = from_public_id("file", facts.pop("training_file"))
        validation = facts.pop("validation_file", None)
        with scope(self.organization):
            job = fine_tuning.create(
                self.organization,
                file=files.living(self.organization, file_id) if file_id else None,
                validation_file=self.validation_file(validation) if validation else None,
                by=self.api_key,
                operation_key=operation_key(request),
                **facts,
            )
        return self.shown(job)

    def validation_file(self, file_id: str) -> StoredFile:
        """Return the file to measure by; refuse one that is not there."""
        key = from_public_id("file", file_id)
        found = files.living(self.organization, key) if key else None
        if found is None:
            raise UnknownFile(field_errors={"validation_file": [UnknownFile.detail]})
        return found

    def shown(self, job: FineTuningJob) -> Response:
        """Return the job as it stands now: the first steps may have been taken."""
        with scope(self.organization):
            return Response(job_out(FineTuningJob.objects.select_related(*SHOWN).get(pk=job.pk)))


class EstimateView(KeyView):
    """What a job would cost."""

    permissions = {"POST": Permission.STUDIO_READ}

    def post(self, request: Request) -> Response:
        """Tell it, and hold and keep nothing."""
        wanted = EstimateIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        file_id = from_public_id("file", facts.pop("training_file"))
        with scope(self.organization):
            found = estimates.estimate(
                self.organization,
                file=files.living(self.organization, file_id) if file_id else None,
                **facts,
            )
            return Response(estimate_out(found))


class JobView(KeyView):
    """One job."""

    permissions = {"GET": Permission.STUDIO_READ}

    def job(self, job_id: str) -> FineTuningJob:
        """Return the organization's job; to everybody else it does not exist."""
        jobs = FineTuningJob.objects.filter(organization=self.organization)
        key = from_public_id("ftjob", job_id)
        found = jobs.select_related(*SHOWN).filter(pk=key).first() if key else None
        if found is None:
            raise NotFound(f"There is no fine-tuning job {job_id[:50]}.")
        return found


class JobDetail(JobView):
    """What a job is."""

    def get(self, request: Request, job_id: str) -> Response:
        """Show it."""
        with scope(self.organization):
            return Response(job_out(self.job(job_id)))


class JobCancel(JobView):
    """The end of a job."""

    permissions = {"POST": Permission.STUDIO_MANAGE}

    def post(self, request: Request, job_id: str) -> Response:
        """Wish it."""
        with scope(self.organization):
            fine_tuning.cancel(self.job(job_id), by=self.api_key)
        with scope(self.organization):
            return Response(job_out(self.job(job_id)))


class JobEventList(JobView):
    """What happened to a job."""

    def get(self, request: Request, job_id: str) -> Response:
        """List it, newest first."""
        asked = EventPageIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        with scope(self.organization):
            page, has_more = page_of(self.job(job_id).events.all(), asked.validated_data)
            return Response(listed([event_out(event) for event in page], has_more=has_more))


class JobCheckpointList(JobView):
    """How far a job had come, and how well it went by then."""

    def get(self, request: Request, job_id: str) -> Response:
        """List it, newest first."""
        asked = CheckpointPageIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        with scope(self.organization):
            job = self.job(job_id)
            page, has_more = page_of(job.checkpoints.all(), asked.validated_data, by="step")
            found = [checkpoint_out(checkpoint, job) for checkpoint in page]
            return Response(listed(found, has_more=has_more))


class FileView(KeyView):
    """A training file."""

    def dataset(self, file_id: str) -> Dataset:
        """Return what is known of it; to everybody else it does not exist."""
        datasets = Dataset.objects.filter(organization=self.organization)
        key = from_public_id("file", file_id)
        found = datasets.select_related("file").filter(file=key).first() if key else None
        if found is None:
            raise NotFound(f"There is no training file {file_id[:50]}.")
        return found


class FileValidation(FileView):
    """What was found in a training file."""

    permissions = {"GET": Permission.STUDIO_READ}

    def get(self, request: Request, file_id: str) -> Response:
        """Show it."""
        with scope(self.organization):
            return Response(validation_out(self.dataset(file_id)))


class FileFixes(FileView):
    """New files made of a training file by fixes; itself it never changes."""

    permissions = {"GET": Permission.STUDIO_READ, "POST": Permission.FILES_MANAGE}

    def get(self, request: Request, file_id: str) -> Response:
        """List what was asked for, the newest first."""
        with scope(self.organization):
            found = queries.mendings(self.dataset(file_id))
            return Response(listed([mending_out(it) for it in found], has_more=False))

    def post(self, request: Request, file_id: str) -> Response:
        """Have a new file made; asked twice, it is made once."""
        wanted = MendingIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            found = mending.ask(
                self.dataset(file_id), wanted.validated_data["fixes"], by=self.api_key.created_by
            )
            return Response(mending_out(found))
