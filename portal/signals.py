"""What looks like abuse, as staff and customers read it; the figures in words, and drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils.dateparse import parse_datetime

from billing.models import SpendBucket, SpendDay
from common.money import Money
from portal import business, spans
from tenants.models import AbuseSignal, ApiKey


@dataclass(frozen=True, slots=True)
class KeySpend:
    """A key, and what it spent in the window that raised the signal."""

    key: ApiKey
    spent: Money


@dataclass(frozen=True, slots=True)
class Spend:
    """A window's spend beside what is usual."""

    is_hour: bool
    ends_at: datetime | None
    spent: Money
    usual: Money
    limit: Money


@dataclass(frozen=True, slots=True)
class Seen:
    """A signal with what raised it."""

    signal: AbuseSignal
    #: None where it is not about spend.
    spend: Spend | None
    keys: list[KeySpend]
    chart: dict[str, Any] | None


def found(*, kind: str = "", is_open: bool = True, text: str = "") -> QuerySet[AbuseSignal]:
    """Return the open signals, the gravest first, or those decided about, the last first."""
    rows = AbuseSignal.objects.select_related("organization", "api_key", "decided_by")
    rows = rows.filter(kind=kind) if kind else rows
    rows = rows.filter(organization__name__icontains=text) if text else rows
    if is_open:
        return rows.open().order_by("-level", "-seen_at", "-id")
    return rows.exclude(closed_at=None).order_by("-closed_at", "-id")


def spend(figures: Mapping[str, Any]) -> Spend | None:
    """Return what the figures say of spend, where they do."""
    if "spent" not in figures:
        return None
    amounts = {
        name: Money(Decimal(figures[name]), figures["currency"])
        for name in ("spent", "usual", "limit")
    }
    return Spend(figures["window"] == "hour", parse_datetime(figures["ends_at"]), **amounts)


def seen(signal: AbuseSignal) -> Seen:
    """Return the signal with the keys that spent most and the spend of the last days."""
    figures = signal.figures
    spent = {UUID(key): Decimal(amount) for key, amount in figures.get("keys", [])}
    if signal.api_key_id and "spent" in figures:
        spent[signal.api_key_id] = Decimal(figures["spent"])
    keys = ApiKey.objects.filter(organization=signal.organization_id, pk__in=spent)
    of_keys = [KeySpend(it, Money(spent[it.pk], figures["currency"])) for it in keys]
    of_keys.sort(key=lambda it: it.spent.amount, reverse=True)
    return Seen(signal, spend(figures), of_keys, _chart(signal))


def _chart(signal: AbuseSignal) -> dict[str, Any] | None:
    """Return what was spent on each of the last thirty days: by the key where it is about one."""
    figures = signal.figures
    if "spent" not in figures:
        return None
    span = spans.named("30d")
    own = {"organization": signal.organization_id, "currency": figures["currency"]}
    sums: dict[date, Decimal]
    if signal.api_key_id:
        buckets = SpendBucket.objects.filter(
            **own, api_key=signal.api_key_id, starts_at__gte=spans.midnight(span.start)
        )
        sums = dict(buckets.order_by().values_list("starts_at__date").annotate(Sum("amount")))
    else:
        days = SpendDay.objects.filter(**own, day__gte=span.start)
        sums = dict(days.order_by().values_list("day").annotate(Sum("amount")))
    return business.bars(span.days, sums, figures["currency"], span.now.date())
