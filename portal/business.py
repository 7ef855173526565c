"""What was used and sold in a span of days, by whom and of what; read as the service role.

Everything comes from running totals; see :mod:`billing.totals`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby, islice
from operator import add
from typing import Any, NamedTuple

from django.db.models import F
from django.utils import formats
from django.utils.translation import gettext as _

from billing import totals
from billing.totals import Beside, Days, Used
from common.money import Money
from common.templatetags.formats import grouped
from marketplace.queries import DEFAULT_CURRENCY
from metering.models import TOKEN_PARTS
from portal.spans import ONE_DAY, Span, midnight

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


def activity(span: Span, rest: Used) -> tuple[Use, Ranking]:
    """Return what was used by how many, and by which customers most; one query."""
    until = span.before_until.date()
    whole = len(span.whole_days) * ONE_DAY
    days = Beside(
        now=(span.start, span.end),
        before=(span.before_start, until),
        # The day that is not over when it is compared: enough to tell who was there.
        broken_until=until + ONE_DAY if span.broken_day else until,
        whole_until=span.start + whole,
        whole_before_until=span.before_start + whole,
    )
    found = totals.of_customers(days, DEFAULT_CURRENCY, TOP)
    all_ = found[0] if found else defaultdict[str, Decimal](Decimal)
    requests, tokens = all_["all_before_requests"], all_["all_before_tokens"]
    use = Use(
        requests=_compared(all_["all_now_requests"], requests + rest.requests),
        tokens=_compared(all_["all_now_tokens"], tokens + rest.tokens),
        active=_compared(all_["here"], all_["there"]),
        came=int(all_["here"] - all_["stayed"]),
        went=int(all_["there"] - all_["stayed"]),
    )
    return use, _ranking(_Row._make(it[name] for name in _Row._fields) for it in found)


def models(span: Span) -> tuple[Mapping[tuple[str, str], Used], Ranking]:
    """Return what was used of each model, and of which most; one query."""
    paid = {name: (*days, DEFAULT_CURRENCY) for name, days in _worths(span).items()}
    found = totals.by_model({"now": (span.start, span.end, None), **paid})
    shown, whole, before = (found[name] for name in paid)
    nothing = Used()
    rows = (
        _Row(
            key[0],
            key[0],
            (sold := shown.get(key, nothing)).requests,
            sold.amount,
            whole.get(key, nothing).amount,
            before.get(key, nothing).amount,
        )
        for key in {**shown, **before}
    )
    return found["now"], _ranking(rows)


def _worths(span: Span) -> dict[str, Days]:
    """Return the days whose worth is shown, and those that are compared: whole ones alone."""
    whole = len(span.whole_days) * ONE_DAY
    return {
        "shown": (span.start, span.end),
        "whole": (span.start, span.start + whole),
        "whole_before": (span.before_start, span.before_start + whole),
    }


def _compared(now: Decimal | int, before: Decimal | int) -> Compared:
    return Compared(Decimal(now), Decimal(before))


@dataclass(frozen=True, slots=True)
class Worth:
    """What usage was worth, day by day, in the currency of the house."""

    by_day: dict[date, Decimal]
    #: What the day in which the comparison ends had come to by then.
    rest: Used

    def of(self, days: Iterable[date]) -> Decimal:
        """Return what these days were worth."""
        return sum((self.by_day.get(day, ZERO) for day in days), ZERO)

    def compared(self, span: Span) -> Compared:
        """Return the worth of the span beside that of the days before."""
        return Compared(self.of(span.days), self.of(span.before_days) + self.rest.amount)


def worth(span: Span, *, since: date) -> Worth:
    """Return the worth of all days from there, or from the days before the span; one query."""
    days = min(since, span.before_start), span.end
    part = (midnight(span.broken_day), span.before_until) if span.broken_day else None
    return Worth(*totals.worth_by_day(days, DEFAULT_CURRENCY, part))


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


def _ranking(rows: Iterable[_Row]) -> Ranking:
    found = sorted(rows, key=lambda it: (-it.worth, it.label))
    moved = sorted(found, key=lambda it: it.difference)
    return Ranking(
        top=_shown(it for it in found if it.requests),
        up=_shown(it for it in reversed(moved) if it.difference > 0),
        down=_shown(it for it in moved if it.difference < 0),
    )


def _shown(rows: Iterable[_Row]) -> list[Seller]:
    return [it.shown() for it in islice(rows, TOP)]


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
