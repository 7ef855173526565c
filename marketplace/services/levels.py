"""What customers of an offer are promised: proposed by one of the staff, agreed to by another."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from common.database import atomic
from marketplace.models import AIModel, ModelChange, Offer, ServiceLevel
from marketplace.services import curation
from marketplace.services.beginning import NUMBERS, STEPS
from tenants.models import User

#: All that a level says.
FIELDS = (*NUMBERS, *STEPS)


@atomic()
def propose(
    offer: Offer,
    wanted: Mapping[str, Any],
    *,
    by: User,
    words: str = "",
    takes_effect_at: datetime | None = None,
) -> ModelChange:
    """Put another level before a second person; what holds goes on until it begins.

    ``wanted`` says all of it, by :data:`FIELDS`; a target that is None is not promised any more.
    """
    model = AIModel.objects.locked(offer.model_version.model_id)
    facts = {name: _plain(wanted[name]) for name in FIELDS}
    return curation.propose(
        model,
        ModelChange.Kind.LEVEL,
        {} if facts == present(offer) else facts,
        by=by,
        words=words,
        offer=offer,
        takes_effect_at=takes_effect_at,
    )


def present(offer: Offer) -> dict[str, Any]:
    """Return what holds now as a proposal would say it; nothing where nothing was ever promised."""
    level = ServiceLevel.objects.filter(offer=offer, effective_from__lte=timezone.now())
    found = level.newest_first().first()
    return {name: _plain(getattr(found, name)) for name in FIELDS} if found else {}


def _plain(value: Any) -> Any:
    """Return a value as JSON keeps it: decimals as texts, without zeros that say nothing."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list | tuple):
        return [_plain(it) for it in value]
    return value
