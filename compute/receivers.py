"""What compute does when a job of a service has changed: it rings its own bell."""

import uuid
from typing import Any

from django.dispatch import receiver

from common import jobs
from compute.services.running import OWNER
from compute.signals import compute_job_changed


@receiver(compute_job_changed)
def follow(owner_kind: str, owner_id: uuid.UUID, **_facts: Any) -> None:
    """Look at the service whose run has changed."""
    if owner_kind == OWNER:
        jobs.enqueue("compute.tend", service_id=str(owner_id))
