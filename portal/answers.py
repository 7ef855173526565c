"""What the portal answers to the questions of the marketplace: how much was used, and the tax."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from billing.services import invoicing
from marketplace import ports
from metering.models import TOKEN_PARTS, UsageBucket


class Demand:
    """How much was used of what is on sale, by all customers; asked by staff, as the service."""

    def tokens(self, offer_name: str, *, since: datetime) -> Mapping[str, int]:
        """Return by token part what was used of the offer; what was not used is left out."""
        buckets = UsageBucket.objects.filter(offer_name=offer_name, starts_at__gte=since)
        sums = buckets.aggregate(**{part: Sum(f"{part}_tokens") for part in TOKEN_PARTS})
        return {part: count for part, count in sums.items() if count}

    def requests(self, offer_name: str, *, since: datetime) -> int:
        """Return how often the offer was called."""
        buckets = UsageBucket.objects.filter(offer_name=offer_name, starts_at__gte=since)
        count: int | None = buckets.aggregate(sum=Sum("requests"))["sum"]
        return count or 0


class Tax:
    """What the operator's legal entity adds to net prices."""

    def rate(self) -> Decimal:
        """Return its share of a net price."""
        return invoicing.default_issuer().vat_rate


ports.demand = Demand()
ports.tax = Tax()
