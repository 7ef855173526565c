"""Doorbells of batches; the tables in ``portal.celery`` say when they ring."""

import uuid

from celery import shared_task

from gateway.batches import progress

#: More than lines may take that run when a worker's turn is over.
LONGEST = 1800


@shared_task(name="gateway.advance_batch", time_limit=LONGEST)
def advance_batch(organization_id: str, batch_id: str) -> None:
    """Bring a batch on for a while."""
    progress.advance(uuid.UUID(organization_id), uuid.UUID(batch_id))


@shared_task(name="gateway.sweep_batches")
def sweep_batches() -> None:
    """Have every batch that could go on looked at."""
    progress.sweep()
