"""Doorbells of the marketplace."""

from celery import shared_task

from marketplace import due, mails
from marketplace.services import publishing, telling


@shared_task(name="marketplace.retire_due")
def retire_due() -> int:
    """Mark as retired what was announced to be gone by now."""
    return publishing.retire_due()


@shared_task(name="marketplace.tell")
def tell() -> int:
    """Tell customers' own systems what changed of the models that they may see."""
    return telling.tell()


@shared_task(name="marketplace.apply_changes")
def apply_changes() -> int:
    """Do what two people agreed on for moments that have come."""
    return due.apply_changes()


@shared_task(name="marketplace.send_notices")
def send_notices() -> int:
    """Write to customers what will change of the models that they use."""
    return mails.send_notices()
