"""Doorbells of metering."""

from celery import shared_task

from metering.services import partitions


@shared_task(name="metering.make_partitions")
def make_partitions() -> None:
    """Have a partition ready for every month to come."""
    partitions.make()
