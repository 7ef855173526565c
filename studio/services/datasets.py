"""Checking files as datasets: once each, by one at a time."""

import uuid
from datetime import timedelta

from django.db import IntegrityError
from django.utils import timezone

from common import jobs
from common.database import atomic
from files import blobs
from files.models import Purpose, StoredFile
from studio.models import Dataset, FineTuningJob
from studio.states import State
from studio.validation import dataset as validation
from studio.validation.problems import Problem, Report
from tenants.models import Organization
from tenants.scope import scope
from tenants.services import audit

#: Longer than a task may run: whoever was killed while checking is waited for so long.
CLAIM = timedelta(minutes=6)


@atomic()
def ensure(organization: Organization, file: StoredFile) -> Dataset:
    """Return the file's dataset; a new one is checked soon."""
    try:
        with atomic():
            dataset, is_new = Dataset.objects.get_or_create(organization=organization, file=file)
    except IntegrityError:
        dataset, is_new = Dataset.objects.get(organization=organization, file=file), False
    if is_new:
        jobs.enqueue(
            "studio.validate_dataset",
            organization_id=str(organization.pk),
            dataset_id=str(dataset.pk),
        )
    return dataset


def examine(organization_id: uuid.UUID, file_id: uuid.UUID) -> None:
    """Make a dataset of a file that is for fine-tuning."""
    with scope(organization_id):
        file = StoredFile.objects.living().filter(pk=file_id, purpose=Purpose.FINE_TUNE).first()
        if file is not None:
            ensure(file.organization, file)


def validate(organization_id: uuid.UUID, dataset_id: uuid.UUID) -> None:
    """Check the dataset and write the verdict once; jobs that wait for it go on."""
    dataset = _claim(organization_id, dataset_id)
    if dataset is None:
        return
    report = _check(dataset.file)
    with scope(organization_id):
        dataset = Dataset.objects.locked(dataset_id)
        if dataset.state != Dataset.State.VALIDATING:
            return
        _write(dataset, report)
        for job in FineTuningJob.objects.filter(dataset=dataset, state=State.VALIDATING):
            jobs.enqueue("studio.advance", organization_id=str(organization_id), job_id=str(job.pk))


def _claim(organization_id: uuid.UUID, dataset_id: uuid.UUID) -> Dataset | None:
    with scope(organization_id):
        free = Dataset.objects.unchecked().filter(pk=dataset_id)
        if not free.update(claimed_until=timezone.now() + CLAIM):
            return None
        return Dataset.objects.select_related("file").get(pk=dataset_id)


def _check(file: StoredFile) -> Report:
    try:
        with blobs.open_blob(blobs.of(file)) as content:
            return validation.check(content)
    except FileNotFoundError:
        report = Report()
        report.add(Problem("file_deleted", "the file was deleted before it was checked"))
        return report


def _write(dataset: Dataset, report: Report) -> None:
    dataset.state = Dataset.State.READY if report.is_usable else Dataset.State.INVALID
    dataset.lines = report.lines
    dataset.examples = report.examples
    dataset.bad_lines = report.bad_lines
    dataset.tokens = report.tokens
    dataset.report = report.facts()
    dataset.checked_at = timezone.now()
    dataset.claimed_until = None
    dataset.save()
    audit.record(
        organization=dataset.organization,
        actor=None,
        action="dataset.checked",
        target=dataset,
        before={"state": Dataset.State.VALIDATING},
        after={"state": dataset.state, "examples": dataset.examples, "problems": report.counts},
    )


def verdict(dataset: Dataset) -> str:
    """Return in one sentence why the dataset cannot be used, and where all of it is told."""
    first = Problem(**dataset.report["problems"][0])
    report = f"Full report: GET /v1/files/{dataset.file.public_id}/validation"
    if not dataset.bad_lines:
        return f"The file cannot be used: {first.message}. {report}"
    count = f"{dataset.bad_lines:,} of {dataset.lines:,} lines cannot be used."
    return f"{count} First: {first}. {report}"
