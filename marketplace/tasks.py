"""Doorbells of the marketplace."""

from celery import shared_task

from marketplace.services import publishing, telling


@shared_task(name="marketplace.retire_due")
def retire_due() -> int:
    """Mark as retired what was announced to be gone by now."""
    return publishing.retire_due()


@shared_task(name="marketplace.tell")
def tell() -> int:
    """Tell customers' own systems what changed of the models that they may see."""
    return telling.tell()
