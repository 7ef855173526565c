"""Days side by side, stacked by token part, model, project, key or member: what components/chart.html draws."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from common.money import Money, minor_digits
from common.templatetags.formats import SPACE, grouped, trimmed
from marketplace.models import TokenPart
from metering.queries import Label, Labels, Usage
from portal.usage.periods import Period

#: More series than this cannot be told apart; the smallest ones go together.
MOST_SERIES = 7
OTHERS = "others"
COST = "cost"
ZERO = Decimal(0)
#: Parts keep their order; other series come by size and are coloured by name.
PLACES: dict[Label, int] = {part.value: place for place, part in enumerate(TokenPart)}
#: Each part has its own of the eight colours, whatever others came later.
HUES: dict[Label, int] = {
    TokenPart.INPUT: 1,
    TokenPart.CACHED_INPUT: 2,
    TokenPart.CACHE_WRITE: 5,
    TokenPart.IMAGE_INPUT: 6,
    TokenPart.AUDIO_INPUT: 7,
    TokenPart.OUTPUT: 3,
    TokenPart.REASONING: 4,
    TokenPart.AUDIO_OUTPUT: 8,
}

#: Amounts by day and series.
Columns = Mapping[tuple[Any, Label], Decimal]


def tokens(usage: Mapping[Labels, Usage]) -> Columns:
    """Return each day's tokens under the second heading, or by part where there is only the day."""
    found: dict[tuple[Any, Label], Decimal] = {}
    for (day, *under), sums in usage.items():
        if under:
            found[day, under[0]] = Decimal(sums.total_tokens)
        else:
            found |= {(day, part.value): Decimal(sums.of(part.value)) for part in TokenPart}
    return found


def costs(worth: Mapping[Labels, Money]) -> Columns:
    """Return each day's cost under the second heading, or in one where there is only the day."""
    return {(day, under[0] if under else COST): it.amount for (day, *under), it in worth.items()}


def draw(
    days: Period, columns: Columns, names: Mapping[Label, str], *, currency: str = ""
) -> dict[str, Any]:
    """Return the chart; without a currency the amounts are tokens. A day without usage is zero."""
    columns, totals = _folded(columns)
    order = sorted(totals, key=lambda series: (_place(series), -totals[series]))
    names = {**_words(), **names}
    return {
        "kind": "bar",
        "stacked": True,
        "row_label": _("Day"),
        "series": [{"name": names.get(it) or str(it), "hue": HUES.get(it)} for it in order],
        "rows": [
            {
                "label": day_label(day, days),
                "cells": [_cell(columns.get((day, series), ZERO), currency) for series in order],
            }
            for day in days.days
        ],
        "totals": [_text(totals[series], currency) for series in order],
        "note": _("Today is not over: its column still grows.") if days.is_open else "",
    }


def day_label(day: date, days: Period) -> str:
    """Return the day in a few letters; today, which is not over, is called so."""
    if day == days.today:
        return _("Today")
    return formats.date_format(day, "j M Y" if days.first.year != days.last.year else "j M")


def _place(series: Label) -> int:
    return PLACES.get(series, len(PLACES) + (series == OTHERS))


def _folded(columns: Columns) -> tuple[Columns, dict[Label, Decimal]]:
    """Return the amounts and their sum for each series, the smallest ones put together as others."""
    totals = _totals(columns)
    largest = sorted(totals, key=lambda series: totals[series], reverse=True)
    kept = set(largest if len(largest) <= MOST_SERIES else largest[: MOST_SERIES - 1])
    folded: dict[tuple[Any, Label], Decimal] = {}
    for (day, series), amount in columns.items():
        place = (day, series if series in kept else OTHERS)
        folded[place] = folded.get(place, ZERO) + amount
    return folded, _totals(folded)


def _totals(columns: Columns) -> dict[Label, Decimal]:
    totals: dict[Label, Decimal] = {}
    for (_day, series), amount in columns.items():
        if amount:
            totals[series] = totals.get(series, ZERO) + amount
    return totals


def _words() -> dict[Label, str]:
    parts: dict[Label, str] = {part.value: str(part.label) for part in TokenPart}
    return {**parts, COST: _("Cost"), OTHERS: _("Others"), None: _("Without a key")}


def _cell(amount: Decimal, currency: str) -> dict[str, str]:
    return {"value": f"{amount:f}", "text": _text(amount, currency)}


def _text(amount: Decimal, currency: str) -> str:
    if not currency:
        return grouped(amount)
    return f"{grouped(trimmed(amount, minor_digits(currency)))}{SPACE}{currency}"
