"""Doorbells of the marketplace."""

from celery import shared_task

from marketplace.services import publishing


@shared_task(name="marketplace.retire_due")
def retire_due() -> int:
    """Mark as retired what was announced to be gone by now."""
    return publishing.retire_due()
