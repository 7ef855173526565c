"""How much was used: by day, by model, by key; and the latest requests.

Called inside a scope (or as the service); periods are half-open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import TruncDate

from metering.models import UsageBucket, UsageEvent
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over some requests."""

    requests: int
    failures: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    mean_ttft_ms: int | None

    @property
    def total_tokens(self) -> int:
        """Return the tokens of all parts."""
        prompt = self.input_tokens + self.cached_input_tokens
        return prompt + self.output_tokens + self.reasoning_tokens


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One day in the organization's time zone."""

    day: date
    usage: Usage


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """One model, by the name it is called under."""

    offer_name: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """One API key."""

    api_key_id: UUID | None
    name: str
    usage: Usage


_SUMS = {
    name: Sum(name)
    for name in (
        "requests",
        "failures",
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "ttft_ms_sum",
        "ttft_count",
    )
}


def _usage(row: Any) -> Usage:
    count = row["ttft_count"]
    return Usage(
        requests=row["requests"],
        failures=row["failures"],
        input_tokens=row["input_tokens"],
        cached_input_tokens=row["cached_input_tokens"],
        output_tokens=row["output_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        mean_ttft_ms=round(row["ttft_ms_sum"] / count) if count else None,
    )


def _buckets(
    organization: Organization, start: datetime, end: datetime
) -> QuerySet[UsageBucket, UsageBucket]:
    return UsageBucket.objects.filter(
        organization=organization, starts_at__gte=start, starts_at__lt=end
    )


def total(organization: Organization, *, start: datetime, end: datetime) -> Usage:
    """Return the sums of the period."""
    row = _buckets(organization, start, end).aggregate(**_SUMS)
    return _usage({name: value or 0 for name, value in row.items()})


def by_day(organization: Organization, *, start: datetime, end: datetime) -> list[DayUsage]:
    """Return the days with usage, oldest first, cut in the organization's time zone."""
    zone = ZoneInfo(organization.time_zone)
    rows = (
        _buckets(organization, start, end)
        .annotate(day=TruncDate("starts_at", tzinfo=zone))
        .values("day")
        .annotate(**_SUMS)
        .order_by("day")
    )
    return [DayUsage(row["day"], _usage(row)) for row in rows]


def by_model(organization: Organization, *, start: datetime, end: datetime) -> list[ModelUsage]:
    """Return the models called, busiest first."""
    rows = (
        _buckets(organization, start, end)
        .values("offer_name")
        .annotate(**_SUMS)
        .order_by("-requests", "offer_name")
    )
    return [ModelUsage(row["offer_name"], _usage(row)) for row in rows]


def by_key(organization: Organization, *, start: datetime, end: datetime) -> list[KeyUsage]:
    """Return the keys used, busiest first."""
    rows = (
        _buckets(organization, start, end)
        .values("api_key_id", name=F("api_key__name"))
        .annotate(**_SUMS)
        .order_by("-requests", "name")
    )
    return [KeyUsage(row["api_key_id"], row["name"] or "", _usage(row)) for row in rows]


def latest_requests(organization: Organization, *, limit: int = 50) -> list[UsageEvent]:
    """Return the newest events with their keys, newest first."""
    events = UsageEvent.objects.filter(organization=organization).select_related("api_key")
    return list(events.order_by("-recorded_at", "-id")[:limit])


def has_usage(organization: Organization) -> bool:
    """Whether the organization has made a call yet."""
    return UsageBucket.objects.filter(organization=organization).exists()


@dataclass(frozen=True, slots=True)
class Activity:
    """How much one organization used, for the operator."""

    organization_id: UUID
    requests: int
    last_active: datetime


def activity(organizations: Iterable[UUID], *, start: datetime) -> dict[UUID, Activity]:
    """Return each organization's requests since ``start``; as the service."""
    rows = (
        UsageBucket.objects.filter(organization__in=list(organizations), starts_at__gte=start)
        .values("organization_id")
        .annotate(total=Sum("requests"), last=Max("starts_at"))
    )
    return {
        row["organization_id"]: Activity(row["organization_id"], row["total"], row["last"])
        for row in rows
    }
