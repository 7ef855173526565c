"""What the usage page shows: sums under headings, their chart, and the requests behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any, Self, TypeVar

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from billing import queries as billing
from common.money import Money
from common.templatetags.formats import grouped
from marketplace.models import TokenPart
from metering import queries as metering
from metering.models import UsageEvent
from metering.queries import Label, Labels, Usage
from portal.usage import charts
from portal.usage.filters import UsageFilter
from portal.usage.requests import Line, lines

S = TypeVar("S", Usage, Money)
PAGE_SIZE = 25
USUAL = (TokenPart.INPUT, TokenPart.CACHED_INPUT, TokenPart.OUTPUT, TokenPart.REASONING)
HEADINGS = {
    "day": gettext_lazy("Day"),
    "model": gettext_lazy("Model"),
    "project": gettext_lazy("Project"),
    "key": gettext_lazy("Key"),
    "member": gettext_lazy("Member"),
}
CHARTS = {"tokens": gettext_lazy("Tokens by day"), "cost": gettext_lazy("Cost by day")}


@dataclass(frozen=True, slots=True)
class Row:
    """The sums of one day, model or key."""

    label: str
    #: The same for programs: a day as 2026-03-15.
    plain: str
    usage: Usage
    cost: Money
    #: The same page narrowed to this row, where it can be.
    url: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All that one set of filters shows."""

    rows: list[Row]
    usage: Usage
    #: The parts of tokens that are shown: the usual ones, and what else was used.
    parts: list[TokenPart]
    cost: Money
    chart: dict[str, Any]
    heading: StrOrPromise
    chart_title: StrOrPromise
    requests: list[Line]
    newest_url: str
    older_url: str
    as_of: datetime
    #: The request learnt of last, whatever the filters: until another comes, nothing has changed.
    newest: str
    #: Where an open page asks for news.
    news_url: str

    @property
    def counts(self) -> list[int]:
        """The tokens of each part that is shown."""
        return [self.usage.of(part) for part in self.parts]

    @property
    def lines(self) -> list[tuple[Row, list[int]]]:
        """Each row with its tokens of these parts."""
        return [(row, [row.usage.of(part) for part in self.parts]) for row in self.rows]

    @property
    def token_hint(self) -> str:
        """The same in a line."""
        counted = zip(self.parts, self.counts, strict=True)
        return " · ".join(f"{part.label} {grouped(count)}" for part, count in counted)


def build(asked: UsageFilter, *, before: UsageEvent | None = None) -> Report:
    """Answer valid filters; the organization's scope must be open."""
    newest, as_of = metering.newest(asked.organization), timezone.now()
    sums = Sums.of(asked)
    found = sums.rows(asked)
    usage = reduce(add, (row.usage for row in found), Usage())
    events = metering.requests(asked.cut, limit=PAGE_SIZE + 1, before=before)
    shown = events[:PAGE_SIZE]
    return Report(
        rows=found,
        usage=usage,
        parts=[part for part in TokenPart if part in USUAL or usage.of(part)],
        cost=reduce(add, (row.cost for row in found), _nothing(asked)),
        chart=sums.chart(asked),
        heading=HEADINGS[asked.cleaned_data["by"]],
        chart_title=CHARTS[asked.cleaned_data["show"]],
        requests=lines(shown),
        newest_url=asked.address() if before else "",
        older_url=asked.address(before=shown[-1].event_id) if len(events) > PAGE_SIZE else "",
        as_of=as_of,
        newest=newest,
        news_url=asked.address(seen=newest),
    )


def rows(asked: UsageFilter) -> list[Row]:
    """Return the sums under the heading asked for: the newest day or the busiest first."""
    return Sums.of(asked).rows(asked)


@dataclass(frozen=True, slots=True)
class Sums:
    """Usage and its worth by day and heading: read once, for the table and for the chart."""

    usage: Mapping[Labels, Usage]
    worth: Mapping[Labels, Money]

    @classmethod
    def of(cls, asked: UsageFilter) -> Self:
        """Read what is asked for; the organization's scope must be open."""
        by = dict.fromkeys(("day", asked.cleaned_data["by"]))
        return cls(metering.usage(asked.cut, *by), billing.spend(asked.cut, *by))

    def rows(self, asked: UsageFilter) -> list[Row]:
        """Return a row under each heading: the newest day or the busiest first."""
        usage, worth = _under_heading(self.usage), _under_heading(self.worth)
        found = [
            _row(asked, label, sums, worth.get(label, _nothing(asked)))
            for label, sums in usage.items()
        ]
        if asked.cleaned_data["by"] == "day":
            return found[::-1]
        return sorted(found, key=lambda row: row.usage.requests, reverse=True)

    def chart(self, asked: UsageFilter) -> dict[str, Any]:
        """Return what is drawn: tokens or cost."""
        names = asked.place_names
        if asked.cleaned_data["show"] == "tokens":
            return charts.draw(asked.days, charts.tokens(self.usage), names)
        currency = asked.organization.currency
        return charts.draw(asked.days, charts.costs(self.worth), names, currency=currency)


def _under_heading(sums: Mapping[Labels, S]) -> dict[Label, S]:
    """Add the days up, heading by heading."""
    found: dict[Label, S] = {}
    for labels, it in sums.items():
        found[labels[-1]] = found[labels[-1]] + it if labels[-1] in found else it
    return found


def _row(asked: UsageFilter, label: Label, usage: Usage, cost: Money) -> Row:
    if isinstance(label, date):
        text = formats.date_format(label, "j M Y")
        url = asked.address(period="custom", start=label, end=label, by="model")
        return Row(text, str(label), usage, cost, url, is_open=label == asked.days.today)
    heading = asked.cleaned_data["by"]
    if heading == "model":
        return Row(
            str(label), str(label), usage, cost, asked.address(model=label, by="day"), is_open=False
        )
    place = asked.places[heading].get(label)
    text = place.name if place else _("Without a key")
    url = asked.address(**{heading: place.pk}, by="day") if place else ""
    return Row(text, text, usage, cost, url, is_open=False)


def _nothing(asked: UsageFilter) -> Money:
    return Money(Decimal(0), asked.organization.currency)
