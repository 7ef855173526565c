"""What billing does when the apps below tell it something: it rings its own bells."""

import uuid
from typing import Any

from django.dispatch import receiver

from common import jobs
from tenants.signals import organization_admitted


@receiver(organization_admitted)
def begin_trial(organization_id: uuid.UUID, **_facts: Any) -> None:
    """Give a new customer what new customers get to try."""
    jobs.enqueue("billing.begin_trial", organization_id=str(organization_id))


@receiver(organization_admitted)
def keep_referral(organization_id: uuid.UUID, **_facts: Any) -> None:
    """Keep whose link led a new customer here."""
    jobs.enqueue("billing.settle_referral", organization_id=str(organization_id))
