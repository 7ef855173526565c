"""What was used and sold in a span of days, by whom and of what; read as the service role.

Everything comes from sums by day; only the part of a day that a running span is compared with
comes from quarters of an hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby
from operator import add
from typing import Any

from django.db.models import F, Q, Sum
from django.utils import formats
from django.utils.translation import gettext as _

from billing.models import SpendBucket, SpendDay
from common.money import Money
from common.templatetags.formats import grouped
from marketplace.queries import DEFAULT_CURRENCY
from metering.models import TOKEN_PARTS, UsageBucket, UsageDay
from portal.spans import ONE_DAY, Span
from tenants.models import Organization

ZERO = Decimal(0)
TOKENS = reduce(add, (F(f"{part}_tokens") for part in TOKEN_PARTS))
TOP = 5
CHART_DAYS = 30
#: Above this a bar a day is too thin to be read: months are drawn.
MOST_BARS = 92


@dataclass(frozen=True, slots=True)
class Compared:
    """A number of a span, beside the same of the days before."""

    now: Decimal
    before: Decimal

    @property
    def whole(self) -> int:
        """The number, where it is a count."""
        return int(self.now)

    @property
    def money(self) -> Money:
        """The number, where it is an amount."""
        return Money(self.now, DEFAULT_CURRENCY)

    @property
    def share(self) -> Decimal | None:
        """By which share of the one before it differs; None when there was nothing."""
        return (self.now - self.before) / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Seller:
    """A customer or a model: what was used of it, and how that moved over whole days."""

    label: str
    slug: str
    requests: int
    worth: Money
    moved: Compared

    @property
    def before(self) -> Money:
        """What was used in the days before."""
        return Money(self.moved.before, DEFAULT_CURRENCY)

    @property
    def difference(self) -> Money:
        """By how much more, or less, was used than in the days before."""
        return Money(self.moved.now - self.moved.before, DEFAULT_CURRENCY)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Those with the most usage, and those whose usage moved the most."""

    top: list[Seller]
    up: list[Seller]
    down: list[Seller]


@dataclass(frozen=True, slots=True)
class Use:
    """What was used by how many, and who came and went."""

    requests: Compared
    tokens: Compared
    active: Compared
    #: Active in the span and not in the days before, and the other way round.
    came: int
    went: int


def use(span: Span) -> Use:
    """Return what was used; two queries however much it is."""
    now, before = Q(day__gte=span.start, day__lt=span.end), _before(span)
    rows = (
        UsageDay.objects.filter(now | before | _last_of(span))
        .order_by()
        .values("organization_id")
        .annotate(
            requests_now=Sum("requests", filter=now, default=0),
            requests_before=Sum("requests", filter=before, default=0),
            # The day that is not over when it is compared: enough to tell who was there.
            present=Sum("requests", filter=before | _last_of(span), default=0),
            tokens_now=Sum(TOKENS, filter=now, default=0),
            tokens_before=Sum(TOKENS, filter=before, default=0),
        )
    )
    found = list(rows)
    rest = _rest(UsageBucket.objects, span).aggregate(
        requests=Sum("requests", default=0), tokens=Sum(TOKENS, default=0)
    )
    here = {row["organization_id"] for row in found if row["requests_now"]}
    there = {row["organization_id"] for row in found if row["present"]}
    return Use(
        requests=Compared(
            _sum(found, "requests_now"), _sum(found, "requests_before") + rest["requests"]
        ),
        tokens=Compared(_sum(found, "tokens_now"), _sum(found, "tokens_before") + rest["tokens"]),
        active=Compared(Decimal(len(here)), Decimal(len(there))),
        came=len(here - there),
        went=len(there - here),
    )


def _sum(rows: Iterable[Any], name: str) -> Decimal:
    return Decimal(sum(row[name] for row in rows))


def _before(span: Span) -> Q:
    return Q(day__gte=span.before_start, day__lt=span.before_until.date())


def _last_of(span: Span) -> Q:
    """The day in which the comparison ends, where it ends within one."""
    day = span.before_until.date()
    return Q(day=day) if day < span.start else Q(pk=None)


def _rest(buckets: Any, span: Span) -> Any:
    # Named one by one, because buckets are found by organization.
    everybody = Organization.objects.values("pk")
    return buckets.filter(span.rest, organization__in=everybody)


@dataclass(frozen=True, slots=True)
class Worth:
    """What usage was worth, day by day, in the currency of the house."""

    by_day: dict[date, Decimal]
    rest: Decimal

    def of(self, days: Iterable[date]) -> Decimal:
        """Return what these days were worth."""
        return sum((self.by_day.get(day, ZERO) for day in days), ZERO)

    def compared(self, span: Span) -> Compared:
        """Return the worth of the span beside that of the days before."""
        return Compared(self.of(span.days), self.of(span.before_days) + self.rest)


def worth(span: Span, *, since: date) -> Worth:
    """Return the worth of all days from there, or from the days before the span; two queries."""
    first = min(since, span.before_start)
    rows = (
        SpendDay.objects.filter(day__gte=first, day__lt=span.end, currency=DEFAULT_CURRENCY)
        .order_by()
        .values("day")
        .annotate(worth=Sum("amount"))
    )
    rest = _rest(SpendBucket.objects, span).filter(currency=DEFAULT_CURRENCY)
    return Worth(
        dict(rows.values_list("day", "worth")),
        rest.aggregate(sum=Sum("amount", default=ZERO))["sum"],
    )


def customers(span: Span) -> Ranking:
    """Return which customers used the most, and which moved; one query."""
    return _ranking(span, F("organization__name"), F("organization__slug"))


def models(span: Span) -> Ranking:
    """Return which models were used the most, and which moved; one query."""
    return _ranking(span, F("offer_name"), F("offer_name"))


def _ranking(span: Span, label: F, slug: F) -> Ranking:
    inside = Q(day__gte=span.start, day__lt=span.end)
    whole, before = _among(span.whole_days), _among(span.before_days[: len(span.whole_days)])
    rows = (
        SpendDay.objects.filter(inside | before, currency=DEFAULT_CURRENCY)
        .order_by()
        .values(label=label, key=slug)
        .annotate(
            request_sum=Sum("requests", filter=inside, default=0),
            worth=Sum("amount", filter=inside, default=ZERO),
            whole=Sum("amount", filter=whole, default=ZERO),
            before=Sum("amount", filter=before, default=ZERO),
        )
    )
    found = [
        Seller(
            row["label"],
            row["key"],
            row["request_sum"],
            Money(row["worth"], DEFAULT_CURRENCY),
            Compared(row["whole"], row["before"]),
        )
        for row in rows
    ]
    found.sort(key=lambda it: (-it.worth.amount, it.label))
    moved = sorted(found, key=lambda it: it.difference.amount)
    return Ranking(
        top=[it for it in found if it.requests][:TOP],
        up=[it for it in reversed(moved) if it.difference.amount > 0][:TOP],
        down=[it for it in moved if it.difference.amount < 0][:TOP],
    )


def _among(days: Sequence[date]) -> Q:
    return Q(day__gte=days[0], day__lte=days[-1]) if days else Q(pk=None)


def chart_since(span: Span) -> date:
    """Return the first day that the chart draws: a month of days at least."""
    return min(span.start, span.end - timedelta(days=CHART_DAYS))


def chart(span: Span, worth: Worth) -> dict[str, Any]:
    """Return the worth of each day, or of each month, as components/chart.html draws it."""
    first = chart_since(span)
    days = [first + number * ONE_DAY for number in range((span.end - first).days)]
    return bars(days, worth.by_day, DEFAULT_CURRENCY, span.now.date())


def bars(
    days: Sequence[date], sums: Mapping[date, Decimal], currency: str, today: date
) -> dict[str, Any]:
    """Return the sums of these days, or of their months where they are many, as a chart."""
    is_by_day = len(days) <= MOST_BARS
    if is_by_day:
        rows = [_bar(_day(day, today), sums.get(day, ZERO)) for day in days]
    else:
        rows = [
            _bar(
                formats.date_format(month, "M Y"), sum((sums.get(it, ZERO) for it in inside), ZERO)
            )
            for month, inside in groupby(days, key=lambda day: day.replace(day=1))
        ]
    return {
        "kind": "bar",
        "row_label": _("Day") if is_by_day else _("Month"),
        "series": [{"name": _("Usage, %(currency)s") % {"currency": currency}, "hue": 1}],
        "rows": rows,
        "note": _("Net of tax, days in UTC. Today is not over: its column still grows.")
        if today in days
        else _("Net of tax, days in UTC."),
    }


def _day(day: date, today: date) -> str:
    return _("Today") if day == today else formats.date_format(day, "j M")


def _bar(label: str, worth: Decimal) -> dict[str, Any]:
    text = grouped(worth.quantize(Decimal("0.01")))
    return {"label": label, "cells": [{"value": worth, "text": text}]}
