"""What the portal answers to the questions of the apps below: usage, tax, files, announced work."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files import File
from django.db.models import Sum

from billing import margins
from billing.models import PricedBucket
from billing.services import invoicing
from common.database import beside
from files import kept
from front import status
from front.models import Incident
from marketplace import ports
from marketplace.models import Offer, Price, ServiceTier
from metering import ports as metering_ports
from metering.models import UsageBucket, UsageDay
from metering.ports import Window
from tenants.models import Organization


class Demand:
    """How much was used of what is on sale, by all customers; asked by staff, as the service."""

    def tokens(self, offer_name: str, *, since: datetime, service_tier: str) -> Mapping[str, int]:
        """Return by token part what was used of the offer at this tier's prices."""
        buckets = PricedBucket.objects.filter(offer_name=offer_name, starts_at__gte=since)
        counted = buckets.values_list("token_part", "price_id").annotate(Sum("tokens")).order_by()
        rows = list(counted)
        priced = Price.objects.filter(pk__in={price for _part, price, _sum in rows if price})
        tiers = dict(priced.values_list("pk", "service_tier"))
        sums: Counter[str] = Counter()
        for part, price, tokens in rows:
            if tiers.get(price, ServiceTier.STANDARD) == service_tier:
                sums[part] += tokens
        return sums

    def requests(self, offer_name: str, *, since: datetime) -> int:
        """Return how often the offer was called."""
        buckets = UsageBucket.objects.filter(offer_name=offer_name, starts_at__gte=since)
        count: int | None = buckets.aggregate(sum=Sum("requests"))["sum"]
        return count or 0

    def customers(self, offer_name: str, *, since: datetime) -> list[Organization]:
        """Return the customers that used the offer since that day."""
        days = UsageDay.objects.filter(offer_name=offer_name, day__gte=since.date())
        return list(Organization.objects.filter(pk__in=days.order_by().values("organization")))

    def used_by(
        self, customers: Collection[Organization], *, since: datetime
    ) -> dict[UUID, set[str]]:
        """Return by customer the names of the offers that it used since that day."""
        days = UsageDay.objects.filter(organization__in=customers, day__gte=since.date())
        found: dict[UUID, set[str]] = {}
        for customer, name in days.order_by().values_list("organization", "offer_name").distinct():
            found.setdefault(customer, set()).add(name)
        return found


class Margins:
    """What is left of what models bring in, where both are known."""

    def share(self, offer_name: str) -> Decimal | None:
        """Return the least share of this month's revenue that is left, over the currencies."""
        month = margins.month(margins.months()[0])
        own = [it.share for it in month.models if it.model == offer_name]
        return min((it for it in own if it is not None), default=None)


class Tax:
    """What the operator's legal entity adds to net prices."""

    def rate(self) -> Decimal:
        """Return its share of a net price."""
        return invoicing.default_issuer().vat_rate


class Contents:
    """What the files app keeps for the operator."""

    def keep(self, kind: str, content: File[Any]) -> str:
        """Keep a content; returns its hash."""
        return kept.keep(kind, content).sha256

    def path_of(self, kind: str, sha256: str) -> Path:
        """Return a content as a file of this host."""
        return kept.path_of(kind, sha256)


class Maintenance:
    """When work on calls of models was announced, as the status page tells it."""

    def windows(self, start: datetime, end: datetime) -> list[Window]:
        """Return a window for each model and region that the work names; else for all of them."""
        with beside():
            return list(_windows(start, end))


def _windows(start: datetime, end: datetime) -> Iterator[Window]:
    announced = status.maintenance_windows(start, end)
    told = Incident.objects.told().in_bulk([it.incident_id for it in announced])
    for it in announced:
        incident = told[it.incident_id]
        for name in _names(incident):
            for region in _regions(incident):
                yield Window(it.starts_at, it.ends_at, name, region)


def _names(incident: Incident) -> list[str]:
    models = [it.pk for it in incident.named_models.all()]
    offers = Offer.objects.filter(model_version__model__in=models)
    return list(offers.values_list("name", flat=True)) if models else [""]


def _regions(incident: Incident) -> list[str]:
    return [it.pk for it in incident.regions.all()] or [""]


ports.contents = Contents()
ports.demand = Demand()
ports.margins = Margins()
ports.tax = Tax()
metering_ports.maintenance = Maintenance()
