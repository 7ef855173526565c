"""Doorbells of metering."""

from celery import shared_task

from metering.services import partitions, standing


@shared_task(name="metering.make_partitions")
def make_partitions() -> None:
    """Have a partition ready for every month to come."""
    partitions.make()


@shared_task(name="metering.drop_months")
def drop_months() -> None:
    """Let go of facts that are older than they have to be kept."""
    partitions.drop()


@shared_task(name="metering.measure")
def measure() -> None:
    """Tell how offers answered lately."""
    standing.sweep()
