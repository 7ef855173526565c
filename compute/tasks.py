"""Doorbells of compute; the tables in ``portal.celery`` say when they ring."""

import uuid

from celery import shared_task

from compute.services import orphans, reconciling


@shared_task(name="compute.reconcile")
def reconcile(organization_id: str, job_id: str) -> None:
    """Bring one job nearer to what is wished."""
    reconciling.reconcile(uuid.UUID(job_id))


@shared_task(name="compute.sweep")
def sweep() -> None:
    """Look at every open job."""
    reconciling.sweep()


@shared_task(name="compute.cancel_orphans")
def cancel_orphans() -> None:
    """End what runs on a cluster for nobody."""
    orphans.cancel_all()
