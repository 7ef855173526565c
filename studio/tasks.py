"""Doorbells of the studio; the tables in ``portal.celery`` say when they ring."""

import uuid
from contextlib import suppress

from celery import shared_task

from studio.services import datasets, mending, progress, serving, sweeping, token_counts
from trainer.errors import Refused


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


@shared_task(name="studio.mend_dataset")
def mend_dataset(organization_id: str, mending_id: str) -> None:
    """Make a new dataset of one that is at fault, once."""
    mending.work(uuid.UUID(organization_id), uuid.UUID(mending_id))


@shared_task(name="studio.count_tokens")
def count_tokens(organization_id: str, dataset_id: str, version_id: str, max_length: int) -> None:
    """Count a dataset's tokens for a model; what cannot be learnt is told when a job asks for it."""
    with suppress(Refused, FileNotFoundError):
        token_counts.count(
            uuid.UUID(organization_id), uuid.UUID(dataset_id), uuid.UUID(version_id), max_length
        )


@shared_task(name="studio.follow_model")
def follow_model(model_id: str) -> None:
    """Send calls of a private model where it answers now."""
    serving.follow(uuid.UUID(model_id))


@shared_task(name="studio.sweep")
def sweep() -> None:
    """Have all that waits looked at."""
    sweeping.ring()


@shared_task(name="studio.remove_artifacts")
def remove_artifacts() -> None:
    """Remove what ended jobs wrote."""
    sweeping.remove_artifacts()
