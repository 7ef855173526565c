"""Doorbells of the studio; the tables in ``portal.celery`` say when they ring."""

import uuid

from celery import shared_task

from studio.services import datasets, progress, sweeping


@shared_task(name="studio.advance")
def advance(organization_id: str, job_id: str) -> None:
    """Bring a job as far as it can go now."""
    progress.advance(uuid.UUID(organization_id), uuid.UUID(job_id))


@shared_task(name="studio.examine_file")
def examine_file(organization_id: str, file_id: str) -> None:
    """Make a dataset of a file that is for fine-tuning."""
    datasets.examine(uuid.UUID(organization_id), uuid.UUID(file_id))


@shared_task(name="studio.validate_dataset")
def validate_dataset(organization_id: str, dataset_id: str) -> None:
    """Check a dataset, once."""
    datasets.validate(uuid.UUID(organization_id), uuid.UUID(dataset_id))


@shared_task(name="studio.sweep")
def sweep() -> None:
    """Have all that waits looked at."""
    sweeping.ring()


@shared_task(name="studio.remove_artifacts")
def remove_artifacts() -> None:
    """Remove what ended jobs wrote."""
    sweeping.remove_artifacts()
