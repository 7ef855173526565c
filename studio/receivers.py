"""What the studio does when the apps below tell it something: it rings its own bells."""

import uuid
from typing import Any

from django.dispatch import receiver

from common import jobs
from compute.signals import compute_job_changed, compute_service_changed
from files.models import Purpose
from files.signals import file_kept
from studio.services import serving
from studio.services.progress import OWNER


@receiver(compute_job_changed)
def follow(organization_id: uuid.UUID, owner_kind: str, owner_id: uuid.UUID, **_facts: Any) -> None:
    """Bring the job on whose attempt has changed."""
    if owner_kind == OWNER:
        jobs.enqueue("studio.advance", organization_id=str(organization_id), job_id=str(owner_id))


@receiver(compute_service_changed)
def serve(owner_kind: str, owner_id: uuid.UUID, **_facts: Any) -> None:
    """Send calls where the model answers now."""
    if owner_kind == serving.OWNER:
        jobs.enqueue("studio.follow_model", model_id=str(owner_id))


@receiver(file_kept)
def examine(organization_id: uuid.UUID, file_id: uuid.UUID, purpose: str, **_facts: Any) -> None:
    """Check a file as soon as it is there, so that asking for a job answers at once."""
    if purpose == Purpose.FINE_TUNE:
        facts = {"organization_id": str(organization_id), "file_id": str(file_id)}
        jobs.enqueue("studio.examine_file", **facts)
