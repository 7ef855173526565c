"""The operator's accounts over all customers: trial balance, revenue and what is still owed for.

Read as the service, from the days that are summed up and the entries since.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, DateTimeField, F, Sum, Value, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from billing.models import AccountKind, LedgerDay, LedgerEntry, LedgerHour
from billing.services.ledger_days import ONE_DAY, ONE_HOUR, beginning
from common.money import Money

ZERO = Decimal(0)
MONTHS = 12
#: What was paid for and not used yet.
DEFERRED = (AccountKind.CUSTOMER_PREPAID, AccountKind.DEFERRED_REVENUE)
#: What was earned: usage and expired credit, less what was given away.
EARNED = (AccountKind.REVENUE, AccountKind.BREAKAGE, AccountKind.ADJUSTMENTS)


@dataclass(frozen=True, slots=True)
class Movement:
    """What a day moved accounts of one kind and currency by, on both sides."""

    day: date
    account: str
    currency: str
    debit: Decimal
    credit: Decimal

    @property
    def net(self) -> Decimal:
        """Debit less credit."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Line:
    """An account in the trial balance, on both sides."""

    account: AccountKind
    debit: Money
    credit: Money

    @property
    def balance(self) -> Money:
        """Debit less credit."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts of one currency; both sides sum up to the same."""

    currency: str
    lines: list[Line]

    @property
    def debit(self) -> Money:
        """All that stands in debit."""
        return sum((line.debit for line in self.lines), Money(ZERO, self.currency))

    @property
    def credit(self) -> Money:
        """All that stands in credit."""
        return sum((line.credit for line in self.lines), Money(ZERO, self.currency))

    @property
    def difference(self) -> Money:
        """Debit less credit over all accounts: nothing, or the books are wrong."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Month:
    """What a month (UTC) earned in one currency, and what was owed for at its end."""

    label: str
    currency: str
    #: Usage, less what credit notes took back.
    revenue: Money
    #: Credit that expired.
    breakage: Money
    #: Given away, written off and rounded.
    adjustments: Money
    deferred: Money

    @property
    def recognized(self) -> Money:
        """What the month earned."""
        return self.revenue + self.breakage - self.adjustments


def trial_balance(as_of: date) -> list[TrialBalance]:
    """Return the accounts as they stood at the end of the day, by currency."""
    sums: dict[str, dict[str, list[Decimal]]] = defaultdict(dict)
    for it in movements(as_of):
        sides = sums[it.currency].setdefault(it.account, [ZERO, ZERO])
        sides[0] += it.debit
        sides[1] += it.credit
    return [TrialBalance(currency, _lines(currency, sums[currency])) for currency in sorted(sums)]


def _lines(currency: str, sides: Mapping[str, list[Decimal]]) -> list[Line]:
    return [
        Line(kind, Money(sides[kind][0], currency), Money(sides[kind][1], currency))
        for kind in AccountKind
        if kind in sides
    ]


def movements(as_of: date) -> Iterable[Movement]:
    """Return what each day until then moved, the oldest first; two queries."""
    end = beginning(as_of + ONE_DAY)
    since: datetime | None = None
    for day, account, currency, debit, credit, hour in _summed_up(as_of, end):
        yield Movement(day, account, currency, debit, credit)
        since = hour + ONE_HOUR if hour else beginning(day + ONE_DAY)
    # What is summed up since and has no sums has no entries either; of what is summed up beside us,
    # they are read here.
    yield from _since(since, end)


def _summed_up(as_of: date, end: datetime) -> Iterable[tuple[Any, ...]]:
    """Return the sums of days, and those of the hours since, in the order of time.

    In one statement: hours are there until their day is.
    """
    nothing = Value(None, DateTimeField())
    columns = ("account", "currency", "debit", "credit")
    days = LedgerDay.objects.filter(day__lte=as_of).order_by().annotate(hour=nothing)
    hours = LedgerHour.objects.filter(starts_at__lt=end).order_by()
    since = hours.annotate(on=TruncDate("starts_at", tzinfo=UTC), hour=F("starts_at"))
    rows = days.values_list("day_id", *columns, "hour").union(
        since.values_list("on", *columns, "hour"), all=True
    )
    found: Iterable[tuple[Any, ...]] = rows.order_by("day_id", F("hour").asc(nulls_first=True))
    return found


def _since(start: datetime | None, end: datetime) -> Iterable[Movement]:
    """Return what entries moved after all that is summed up."""
    entries = LedgerEntry.objects.filter(transaction__recorded_at__lt=end)
    if start is not None:
        entries = entries.filter(transaction__recorded_at__gte=start)
    rows = (
        entries.annotate(on=TruncDate("transaction__recorded_at", tzinfo=UTC))
        .values_list("on", "account__kind", "account__currency")
        .annotate(
            debit=Sum(Case(When(amount__gt=0, then=F("amount")), default=ZERO)),
            credit=-Sum(Case(When(amount__lt=0, then=F("amount")), default=ZERO)),
        )
        .order_by("on")
    )
    for row in rows:
        yield Movement(*row)


def months(as_of: date | None = None) -> list[Month]:
    """Return the last months with what each earned and deferred, newest first, by currency."""
    found: dict[str, list[Month]] = defaultdict(list)
    for month in every_month(as_of):
        found[month.currency].append(month)
    return [month for currency in sorted(found) for month in found[currency][::-1][:MONTHS]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What some days earned in one currency, and what was owed for at their end."""

    currency: str
    #: Usage, less what credit notes took back.
    revenue: Money
    #: Credit that expired.
    breakage: Money
    #: Given away, written off and rounded.
    adjustments: Money
    deferred: Money

    @property
    def recognized(self) -> Money:
        """What the days earned."""
        return self.revenue + self.breakage + self.adjusted

    @property
    def adjusted(self) -> Money:
        """What giving away and writing off added to it: below zero where more was given."""
        return -self.adjustments


def between(start: date, end: date) -> list[Standing]:
    """Return what the days from ``start`` (in) to ``end`` (out) earned, by currency."""
    earned: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    deferred: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for it in movements(end - timedelta(days=1)):
        if it.account in EARNED and it.day >= start:
            earned[it.currency][it.account] += it.net
        if it.account in DEFERRED:
            deferred[it.currency] -= it.net
    return [
        Standing(
            currency,
            revenue=Money(-earned[currency][AccountKind.REVENUE], currency),
            breakage=Money(-earned[currency][AccountKind.BREAKAGE], currency),
            adjustments=Money(earned[currency][AccountKind.ADJUSTMENTS], currency),
            deferred=Money(deferred[currency], currency),
        )
        for currency in sorted({*earned, *deferred})
    ]


def every_month(as_of: date | None = None) -> list[Month]:
    """Return all months there were, the oldest first, by currency."""
    as_of = as_of or timezone.now().date()
    moved: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(dict)
    for it in movements(as_of):
        of_month = moved[it.currency].setdefault(f"{it.day:%Y-%m}", defaultdict(lambda: ZERO))
        of_month[it.account] += it.net
    return [month for currency in sorted(moved) for month in _months(currency, moved[currency])]


def _months(currency: str, moved: Mapping[str, Mapping[str, Decimal]]) -> list[Month]:
    deferred, found = ZERO, []
    for label in sorted(moved):
        sums = moved[label]
        deferred -= sum((sums[kind] for kind in DEFERRED), ZERO)
        found.append(
            Month(
                label,
                currency,
                revenue=Money(-sums[AccountKind.REVENUE], currency),
                breakage=Money(-sums[AccountKind.BREAKAGE], currency),
                adjustments=Money(sums[AccountKind.ADJUSTMENTS], currency),
                deferred=Money(deferred, currency),
            )
        )
    return found
