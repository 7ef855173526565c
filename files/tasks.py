"""Doorbells of files; the tables in ``portal.celery`` say when they ring."""

from celery import shared_task

from files.services import sweeping


@shared_task(name="files.expire")
def expire() -> None:
    """Delete the files whose time is over."""
    sweeping.expire()


@shared_task(name="files.remove_orphans")
def remove_orphans() -> None:
    """Remove contents that belong to nobody."""
    sweeping.remove_orphans()
