"""Doorbells of compute; the tables in ``portal.celery`` say when they ring."""

import uuid

from celery import shared_task

from compute.services import orphans, reconciling, running


@shared_task(name="compute.reconcile")
def reconcile(organization_id: str, job_id: str) -> None:
    """Bring one job nearer to what is wished."""
    reconciling.reconcile(uuid.UUID(job_id))


@shared_task(name="compute.sweep")
def sweep() -> None:
    """Look at every open job, and at every service."""
    reconciling.sweep()
    running.sweep()


@shared_task(name="compute.tend")
def tend(service_id: str) -> None:
    """Bring one service nearer to what is wished."""
    running.tend(uuid.UUID(service_id))


@shared_task(name="compute.cancel_orphans")
def cancel_orphans() -> None:
    """End what runs on a cluster for nobody."""
    orphans.cancel_all()
