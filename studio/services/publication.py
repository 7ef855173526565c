"""Making a private model of what a job has learnt, once, whoever is killed in between."""

import re
from functools import partial

from common import sweeping
from common.database import service
from common.errors import DomainError
from marketplace.errors import TunedUnpriced
from marketplace.queries import PRIVATE
from marketplace.services import private
from marketplace.services.private import Private
from studio import artifacts
from studio.artifacts import BadArtifacts, Manifest
from studio.models import FineTuningJob, JobEvent, TunedModel
from studio.recipes import registry
from studio.services import serving
from studio.states import State
from tenants.models.classification import strictest
from tenants.scope import scope

#: Of a name in the API, and what its parts may take of it.
LONGEST_NAME, LONGEST_BASE, LONGEST_OWNER = 100, 50, 24
UNCALLABLE = re.compile(r"[^A-Za-z0-9._-]+")
#: What is read of a job to publish what it made.
READ = (
    "organization", "project__organization", "dataset__file", "compute_job__cluster__region",
    "offer__model_version__model",
)  # fmt: skip


def publish(job: FineTuningJob, attempt: str, manifest: Manifest) -> TunedModel | None:
    """Make the result a private model and have it served; the same again is the same model.

    None where nothing was learnt, or where it has no price yet: its owner is told, and it is tried
    again from time to time.
    """
    if not (registry.trains(job.recipe) and manifest.learnt and job.project_id):
        return None
    try:
        with service():
            tuned, is_new = _register(job, attempt, manifest)
            trouble = _deploy(tuned) if is_new else ""
    except TunedUnpriced as refusal:
        _tell(job, "warn", f"The model was not published: {refusal.detail}")
        return None
    _tell(job, "info", f"The model is published as {tuned}.")
    if trouble:
        _tell(job, "warn", f"The model is not deployed: {trouble}")
    return tuned


def publish_forgotten() -> int:
    """Publish what succeeded jobs have made and nobody has published; return how many it was."""
    with service():
        waiting = FineTuningJob.objects.filter(
            state=State.SUCCEEDED, recipe__in=registry.TRAINING, tuned_model=None
        ).exclude(project=None)
        found = [job for job in waiting.select_related(*READ) if _has_price(job)]
    works = [partial(_publish_late, job) for job in found]
    return sum(sweeping.answers(works, trouble="publication_failed"))


def _publish_late(job: FineTuningJob) -> bool:
    name = f"ft-{job.pk.hex}-a{job.attempt}"
    try:
        manifest = artifacts.read(name, tokens=job.trained_tokens or 0)
    except BadArtifacts:
        # Nothing that could be served is left of it.
        return False
    return publish(job, name, manifest) is not None


def _has_price(job: FineTuningJob) -> bool:
    try:
        private.prices_of(job.offer, job.organization)
    except TunedUnpriced:
        return False
    return True


def _register(job: FineTuningJob, attempt: str, manifest: Manifest) -> tuple[TunedModel, bool]:
    """Return the model of the job, and whether it was made just now."""
    FineTuningJob.objects.locked(job.pk)
    there = TunedModel.objects.filter(job=job).select_related("offer").first()
    if there is not None:
        return there, False
    job = FineTuningJob.objects.select_related(*READ).get(pk=job.pk)
    if job.project is None or job.compute_job is None:
        raise RuntimeError(f"{job} belongs to no project, or has never run")
    offer = private.register(
        Private(
            base=job.offer,
            project=job.project,
            region=job.compute_job.cluster.region,
            slug=f"tuned-{job.pk.hex}",
            name=name_of(job),
            title=_title(job),
            summary=f"{job.offer.model_version.model.name}, taught by {job.organization.name}.",
        )
    )
    tuned = TunedModel.objects.create(
        organization=job.organization,
        job=job,
        project=job.project,
        offer=offer,
        artifact=attempt,
        learnt=manifest.learnt,
        manifest_sha256=manifest.sha256,
        training_sha256=job.dataset.file.sha256,
        classification=strictest(job.organization.classification, job.project.classification),
    )
    return tuned, True


def name_of(job: FineTuningJob) -> str:
    """Return what the model is called, as OpenAI writes it: ``ft:base:owner:suffix:id``."""
    base = job.offer.name
    if base.startswith(PRIVATE):
        base = base.split(":")[1]
    base, owner = base[:LONGEST_BASE], job.organization.slug[:LONGEST_OWNER]
    ending = f":{job.pk.hex[-8:]}"
    room = LONGEST_NAME - len(f"{PRIVATE}{base}:{owner}:{ending}")
    return f"{PRIVATE}{base}:{owner}:{UNCALLABLE.sub('-', job.suffix)[:room]}{ending}"


def _title(job: FineTuningJob) -> str:
    base = job.offer.model_version.model.name
    return f"{base[:34]} {job.suffix or job.pk.hex[-8:]}"[:100]


def _deploy(tuned: TunedModel) -> str:
    """Have it served; or return why that is not possible now: its owner may ask later."""
    try:
        serving.deploy(tuned)
    except DomainError as refusal:
        return str(refusal.detail)
    return ""


def _tell(job: FineTuningJob, level: str, words: str) -> None:
    """Tell the owner, once."""
    with scope(job.organization_id):
        if not job.events.filter(message=words[:500]).exists():
            JobEvent.objects.create(
                organization_id=job.organization_id, job=job, level=level, message=words[:500]
            )
