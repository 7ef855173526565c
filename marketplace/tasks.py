"""Doorbells of the marketplace."""

import uuid

from celery import shared_task

from marketplace import access_mail, due, kept, mails
from marketplace.services import applications, enabling, publishing, telling


@shared_task(name="marketplace.retire_due")
def retire_due() -> int:
    """Mark as retired what was announced to be gone by now."""
    return publishing.retire_due()


@shared_task(name="marketplace.retire_services")
def retire_services() -> int:
    """Retire services whose last day is over, and disable what was enabled meanwhile."""
    return applications.retire_due() + enabling.end_left_over()


@shared_task(name="marketplace.tell")
def tell() -> int:
    """Tell customers' own systems what changed of the models that they may see."""
    return telling.tell()


@shared_task(name="marketplace.apply_changes")
def apply_changes() -> int:
    """Do what two people agreed on for moments that have come."""
    return due.apply_changes()


@shared_task(name="marketplace.make_moves")
def make_moves() -> int:
    """Let customers pay by other prices on the day that they were told."""
    return due.make_moves()


@shared_task(name="marketplace.look_at_servers")
def look_at_servers() -> int:
    """Ask servers how they are, and what they work on."""
    return due.look_at_servers()


@shared_task(name="marketplace.forget_edits")
def forget_edits() -> int:
    """Forget that the catalogue changed long ago."""
    return kept.forget_edits()


@shared_task(name="marketplace.send_notices")
def send_notices() -> int:
    """Write to customers what will change of the models that they use."""
    return mails.send_notices()


@shared_task(name="marketplace.tell_of_terms")
def tell_of_terms(organization_id: str, grace_id: str, until: str) -> None:
    """Mail those who use a model what it will ask for."""
    access_mail.tell_of_terms(uuid.UUID(organization_id), uuid.UUID(grace_id), until)


@shared_task(name="marketplace.tell_of_access")
def tell_of_access(organization_id: str, request_id: str) -> None:
    """Mail who asked for access to a model what the operator decided."""
    access_mail.send(uuid.UUID(organization_id), uuid.UUID(request_id))
