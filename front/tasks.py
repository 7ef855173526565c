"""Doorbells of the front."""

from celery import shared_task

from front.services import telling


@shared_task(name="front.tell")
def tell() -> int:
    """Tell customers' own systems of incidents and of planned work."""
    return telling.tell()
