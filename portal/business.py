"""What was used and sold in a span of days, by whom and of what; read as the service role.

Everything comes from sums by day; only the part of a day that a running span is compared with
comes from quarters of an hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby, islice
from operator import add
from typing import Any, NamedTuple

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
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
    of_each = (
        UsageDay.objects.filter(now | before | _broken(span))
        .order_by()
        .values("organization_id")
        .annotate(
            requests_now=Sum("requests", filter=now, default=0),
            requests_before=Sum("requests", filter=before, default=0),
            # The day that is not over when it is compared: enough to tell who was there.
            requests_broken=Sum("requests", filter=_broken(span), default=0),
            tokens_now=Sum(TOKENS, filter=now, default=0),
            tokens_before=Sum(TOKENS, filter=before, default=0),
            tokens_broken=Sum(TOKENS, filter=_broken(span), default=0),
        )
    )
    here = Q(requests_now__gt=0)
    there = Q(requests_before__gt=0) | Q(requests_broken__gt=0)
    found = of_each.aggregate(
        **{
            f"all_{what}_{when}": Sum(f"{what}_{when}", default=0)
            for what in ("requests", "tokens")
            for when in ("now", "before", "broken")
        },
        here=Count("organization_id", filter=here),
        there=Count("organization_id", filter=there),
        stayed=Count("organization_id", filter=here & there),
    )
    requests, tokens = _rest(
        UsageBucket.objects,
        span,
        {"requests": F("requests"), "tokens": TOKENS},
        (found["all_requests_broken"], found["all_tokens_broken"]),
    )
    return Use(
        requests=_compared(found["all_requests_now"], found["all_requests_before"] + requests),
        tokens=_compared(found["all_tokens_now"], found["all_tokens_before"] + tokens),
        active=_compared(found["here"], found["there"]),
        came=found["here"] - found["stayed"],
        went=found["there"] - found["stayed"],
    )


def _compared(now: Decimal | int, before: Decimal | int) -> Compared:
    return Compared(Decimal(now), Decimal(before))


def _before(span: Span) -> Q:
    return Q(day__gte=span.before_start, day__lt=span.before_until.date())


def _broken(span: Span) -> Q:
    return Q(day=span.broken_day) if span.broken_day else Q(pk=None)


def _rest(
    buckets: Any, span: Span, columns: Mapping[str, Any], of_day: Sequence[Decimal]
) -> Sequence[Decimal]:
    """Return what the broken day had come to when it is compared, in each of these columns.

    What it came to in the end is known: so the quarters of its shorter part are read, and no others.
    """
    if span.broken_day is None:
        return [ZERO for _column in columns]
    # Named one by one, because buckets are found by organization.
    everybody = Organization.objects.values("pk")
    read = span.after_rest if span.is_mostly_rest else span.rest
    found = buckets.filter(read, organization__in=everybody).aggregate(
        **{f"sum_of_{name}": Sum(column, default=ZERO) for name, column in columns.items()}
    )
    sums = [Decimal(it) for it in found.values()]
    if not span.is_mostly_rest:
        return sums
    return [day - after for day, after in zip(of_day, sums, strict=True)]


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
    by_day = dict(rows.values_list("day", "worth"))
    buckets = SpendBucket.objects.filter(currency=DEFAULT_CURRENCY)
    of_day = by_day.get(span.before_until.date(), ZERO)
    (rest,) = _rest(buckets, span, {"amount": F("amount")}, [of_day])
    return Worth(by_day, rest)


def customers(span: Span) -> Ranking:
    """Return which customers used the most, and which moved; one query."""
    # Names are looked up for sums, not for the many days that these are made of.
    named = Organization.objects.filter(pk=OuterRef("organization_id")).order_by()
    label, slug = (Subquery(named.values(it)) for it in ("name", "slug"))
    return _ranking(_moved(span, "organization_id").annotate(label=label, slug=slug))


def models(span: Span) -> Ranking:
    """Return which models were used the most, and which moved; one query."""
    return _ranking(
        _moved(span, "offer_name").annotate(label=F("offer_name"), slug=F("offer_name"))
    )


def _moved(span: Span, by: str) -> QuerySet[SpendDay, Any]:
    inside = Q(day__gte=span.start, day__lt=span.end)
    whole, before = _among(span.whole_days), _among(span.before_days[: len(span.whole_days)])
    found: QuerySet[SpendDay, Any] = (
        SpendDay.objects.filter(inside | before, currency=DEFAULT_CURRENCY)
        .order_by()
        .values(by)
        .annotate(
            request_sum=Sum("requests", filter=inside, default=0),
            worth=Sum("amount", filter=inside, default=ZERO),
            whole=Sum("amount", filter=whole, default=ZERO),
            before=Sum("amount", filter=before, default=ZERO),
        )
    )
    return found


class _Row(NamedTuple):
    """Of many sellers a few are shown: the others never become more than this."""

    label: str
    slug: str
    requests: int
    worth: Decimal
    whole: Decimal
    before: Decimal

    @property
    def difference(self) -> Decimal:
        return self.whole - self.before

    def shown(self) -> Seller:
        worth = Money(self.worth, DEFAULT_CURRENCY)
        moved = Compared(self.whole, self.before)
        return Seller(self.label, self.slug, self.requests, worth, moved)


def _ranking(sums: QuerySet[SpendDay, Any]) -> Ranking:
    columns = ("label", "slug", "request_sum", "worth", "whole", "before")
    found = [_Row(*row) for row in sums.values_list(*columns)]
    found.sort(key=lambda it: (-it.worth, it.label))
    moved = sorted(found, key=lambda it: it.difference)
    return Ranking(
        top=_shown(it for it in found if it.requests),
        up=_shown(it for it in reversed(moved) if it.difference > 0),
        down=_shown(it for it in moved if it.difference < 0),
    )


def _shown(rows: Iterable[_Row]) -> list[Seller]:
    return [it.shown() for it in islice(rows, TOP)]


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
