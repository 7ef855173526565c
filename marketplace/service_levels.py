"""What customers are promised of offers, at an instant."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from marketplace.models import Offer, ServiceLevel


def at(instant: datetime, names: Collection[str] | None = None) -> dict[str, ServiceLevel]:
    """Return by offer what is promised at the instant; offers that nothing is promised of are absent."""
    begun = ServiceLevel.objects.filter(effective_from__lte=instant).select_related(
        "offer__model_version__model", "offer__region"
    )
    if names is not None:
        begun = begun.filter(offer__name__in=names)
    latest = begun.newest_first().distinct("offer_id")
    return {it.offer.name: it for it in latest if it.promises}


def of(offers: Collection[Offer], instant: datetime) -> list[ServiceLevel]:
    """Return what is promised of these offers, in their order."""
    found = at(instant, [it.name for it in offers])
    return [found[it.name] for it in offers if it.name in found]


def credited(steps: list[list[str]], missed_by: Decimal) -> Decimal:
    """Return how many per cent are credited for a target that is missed by so much."""
    reached = [Decimal(credit) for miss, credit in steps if missed_by >= Decimal(miss)]
    return max(reached, default=Decimal(0))
