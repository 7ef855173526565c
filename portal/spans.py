"""Which days the operator's desk looks at, and which ones it compares them with; all in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

ONE_DAY = timedelta(days=1)
LONGEST = 366
NAMES = (
    ("month", _("This month")),
    ("last-month", _("Last month")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("90d", _("90 days")),
    ("custom", _("Other days")),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from ``start`` (in) to ``end`` (out), and what came before them for as long."""

    start: date
    end: date
    before_start: date
    #: Until here the days before are compared: of a span that still grows, no further than it has.
    before_until: datetime
    now: datetime
    name: str = "custom"

    @property
    def last(self) -> date:
        """The last day in it."""
        return self.end - ONE_DAY

    @property
    def is_open(self) -> bool:
        """Whether today is among the days."""
        return self.end > self.now.date()

    @property
    def is_month(self) -> bool:
        """Whether it is the running month, compared with the same days of the one before."""
        return self.name == "month"

    @property
    def days(self) -> list[date]:
        """Every day in it, the oldest first."""
        return _days(self.start, self.end)

    @property
    def before_days(self) -> list[date]:
        """The whole days it is compared with."""
        return _days(self.before_start, self.before_until.date())

    @property
    def whole_days(self) -> list[date]:
        """Its days that are over, as many as there are whole ones to compare with at most."""
        over = _days(self.start, min(self.end, self.now.date()))
        return over[: len(self.before_days)]

    @property
    def broken_day(self) -> date | None:
        """The day in which the comparison ends, where it ends within one."""
        day = self.before_until.date()
        return day if day < self.start else None


def midnight(day: date) -> datetime:
    """Return when the day begins."""
    return datetime.combine(day, time(), tzinfo=UTC)


def _days(start: date, end: date) -> list[date]:
    return [start + number * ONE_DAY for number in range((end - start).days)]


def named(name: str, now: datetime | None = None) -> Span:
    """Return the days that a reader calls month, last-month, 7d, 30d or 90d."""
    now = now or timezone.now()
    today = now.date()
    this = today.replace(day=1)
    before = (this - ONE_DAY).replace(day=1)
    if name == "month":
        until = min(midnight(before) + (now - midnight(this)), midnight(this))
        return Span(this, today + ONE_DAY, before, until, now, name)
    if name == "last-month":
        earlier = (before - ONE_DAY).replace(day=1)
        return Span(before, this, earlier, midnight(before), now, name)
    count = int(name.removesuffix("d"))
    return between(today - (count - 1) * ONE_DAY, today, now, name)


def between(first: date, last: date, now: datetime | None = None, name: str = "custom") -> Span:
    """Return the days from the first to the last, compared with as many before."""
    now = now or timezone.now()
    end = last + ONE_DAY
    before = first - (end - first)
    until = midnight(before) + (min(now, midnight(end)) - midnight(first))
    return Span(first, end, before, until, now, name)


class SpanForm(forms.Form):
    """The days as they stand in the address of the page; without any, the running month."""

    days = forms.ChoiceField(label=_("Days"), choices=NAMES, required=False)
    first = forms.DateField(
        label=_("First day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    last = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, object]:
        """Say which of the two days does not fit."""
        facts = super().clean() or {}
        first, last = facts.get("first"), facts.get("last")
        if facts.get("days") != "custom" or self.errors:
            return facts
        for name in ("first", "last"):
            if facts.get(name) is None:
                self.add_error(name, _("Give both days: the first and the last."))
        if first is None or last is None:
            return facts
        if last > timezone.now().date():
            self.add_error("last", _("This day has not come. Choose today or an earlier one."))
        elif first > last:
            self.add_error("first", _("The first day comes after the last."))
        elif (last - first).days >= LONGEST or first.year < FIRST_YEAR:
            self.add_error("first", _("Choose 366 days at most, none of them before 2001."))
        return facts

    @property
    def span(self) -> Span:
        """The days asked for; of a form with mistakes, the running month."""
        name = (self.cleaned_data.get("days") if self.is_valid() else "") or "month"
        if name == "custom":
            return between(self.cleaned_data["first"], self.cleaned_data["last"])
        return named(name)


#: So that what comes before the days is a day as well.
FIRST_YEAR = 2001
