"""A level that two people agreed to begins to hold."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone

from marketplace.models import TARGETS, ModelChange, Offer, ServiceLevel

#: What a level says, besides its steps.
NUMBERS = (*TARGETS, "least_calls", "cap")
STEPS = ("steps", "availability_steps")


def begin(offer: Offer, facts: Mapping[str, Any], *, change: ModelChange) -> ServiceLevel:
    """Let a level that two people agreed to hold from now on. Part of the caller's transaction."""
    offer = Offer.objects.locked(offer.pk)
    assert change.decided_by is not None  # noqa: S101 - the database says so too
    now = timezone.now()
    return ServiceLevel.objects.create(
        offer=offer,
        number=offer.service_levels.count() + 1,
        effective_from=now,
        agreed_at=now,
        proposed_by=change.proposed_by,
        approved_by=change.decided_by,
        **{name: _number(facts[name]) for name in NUMBERS},
        **{name: facts[name] for name in STEPS},
    )


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) else value
