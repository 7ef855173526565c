"""What each model brought and cost in a month: measured usage, and GPUs as staff stated them.

Months are UTC's. Read as the service. Revenue is what usage was booked at as it came; commitments,
trued-up months and credit that was given away belong to no one model, and stand beside the sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise

from django.db.models import Min
from django.utils import timezone

from billing import accounts, periods, totals
from billing.models import GpuCost, SpendDay
from billing.periods import Period
from billing.totals import Used
from common.errors import NotFound
from common.money import Money, exact

ZERO = Decimal(0)
MILLION = 1_000_000
HOUR = Decimal(3600)
MOST_MONTHS = 36
#: What was used by model and currency.
Sold = Mapping[tuple[str, str], Used]


@dataclass(frozen=True, slots=True)
class Margin:
    """A model in one currency."""

    model: str
    #: Measured: all its tokens, whatever they were paid in.
    tokens: int
    requests: int
    #: Measured: what its usage was booked at.
    revenue: Money
    #: GPUs as stated times the hours of the month in which that held, so far.
    gpu_hours: Decimal
    #: None where nobody stated what the model costs in this currency.
    cost: Money | None

    @property
    def hours(self) -> Decimal:
        """The GPU-hours as people read them."""
        return round(self.gpu_hours, 1)

    @property
    def margin(self) -> Money | None:
        """What is left of the revenue."""
        return None if self.cost is None else self.revenue - self.cost

    @property
    def share(self) -> Decimal | None:
        """The margin as a share of the revenue."""
        margin = self.margin
        return margin.amount / self.revenue.amount if margin and self.revenue else None

    @property
    def cost_per_million(self) -> Money | None:
        """What a million tokens cost: at this mean price the model breaks even."""
        if self.cost is None or not self.tokens:
            return None
        return self.cost * (Decimal(MILLION) / self.tokens)

    @property
    def break_even_tokens(self) -> int | None:
        """At how many tokens the month pays for the GPUs, at the mean price it was sold at."""
        if self.cost is None or not self.tokens or self.revenue.amount <= 0:
            return None
        return int((self.cost.amount * self.tokens / self.revenue.amount).to_integral_value())


@dataclass(frozen=True, slots=True)
class Total:
    """All models in one currency, beside what the ledger says the month earned."""

    currency: str
    revenue: Money
    cost: Money
    #: Of those models alone whose cost somebody stated; None where there is none.
    margin: Money | None
    recognized: Money

    @property
    def of_no_model(self) -> Money:
        """What the month earned beyond its usage: commitments, true-ups, gifts, expired credit."""
        return self.recognized - self.revenue


@dataclass(frozen=True, slots=True)
class Month:
    """The models of a month, those that leave least first; of the running one, so far."""

    label: str
    is_over: bool
    models: Sequence[Margin]
    totals: Sequence[Total]
    #: Models that were used and have no stated cost.
    unstated: Sequence[str]


def months() -> list[str]:
    """Return the months there is anything to say of, the running one first."""
    now = timezone.now()
    days = SpendDay.objects.aggregate(first=Min("day"))["first"], _first_stated()
    first = min((day for day in days if day is not None), default=now.date())
    period, found = periods.containing(now, "UTC"), list[str]()
    while period.label >= f"{first:%Y-%m}" and len(found) < MOST_MONTHS:
        found.append(period.label)
        period = periods.before(period, "UTC")
    return found or [period.label]


def _first_stated() -> date | None:
    stated = GpuCost.objects.standing().order_by()
    first: date | None = stated.aggregate(first=Min("starts_on"))["first"]
    return first


def month(label: str) -> Month:
    """Return the models of a month written as 2026-03; there is none of the future."""
    now = timezone.now()
    try:
        period = periods.parse(label, "UTC")
    except ValueError as error:
        raise NotFound from error
    if period.start > now:
        raise NotFound
    models = of(period)
    unstated = [it.model for it in models if it.cost is None and it.revenue]
    return Month(label, period.end <= now, models, _totals(label, models), unstated)


def of(period: Period, sold: Sold | None = None) -> list[Margin]:
    """Return the models of any days, those that leave least first; of running ones, so far.

    ``sold`` is what was used of each model in these days, where it was read already.
    """
    if sold is None:
        days = period.start.date(), period.end.date(), None
        sold = totals.by_model({"": days})[""]
    return sorted(_margins(period, sold), key=_least_first)


def _least_first(it: Margin) -> tuple[bool, Decimal, str]:
    margin = it.margin
    return margin is None, margin.amount if margin is not None else -it.revenue.amount, it.model


def _margins(period: Period, sold: Sold) -> Iterator[Margin]:
    until = min(period.end, timezone.now())
    counts = {name: it for (name, currency), it in sold.items() if not currency}
    revenue = {key: it.amount for key, it in sold.items() if key[1] and it.requests}
    costs = _costs(period.start, until)
    for model, currency in sorted({*revenue, *costs}):
        hours, cost = costs.get((model, currency), (ZERO, None))
        used = counts.get(model, Used())
        yield Margin(
            model,
            used.tokens,
            used.requests,
            Money(revenue.get((model, currency), ZERO), currency),
            exact(hours),
            None if cost is None else Money(exact(cost), currency),
        )


def _costs(start: datetime, until: datetime) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """Return GPU-hours and cost by model and currency, as far as statements hold before ``until``."""
    found: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    standing = list(GpuCost.objects.standing().select_related("offer"))
    for stated, following in pairwise([*standing, None]):
        assert stated is not None  # noqa: S101 - only the last is nothing
        is_same = following is not None and following.offer_id == stated.offer_id
        ends = _midnight(following) if is_same and following is not None else until
        begins = max(_midnight(stated), start)
        seconds = int((min(ends, until) - begins).total_seconds())
        if seconds <= 0:
            continue
        hours = stated.gpus * seconds / HOUR
        key = stated.offer.name, stated.currency
        held, cost = found.get(key, (ZERO, ZERO))
        found[key] = held + hours, cost + hours * stated.per_hour
    return found


def _midnight(stated: GpuCost) -> datetime:
    return datetime.combine(stated.starts_on, time(), tzinfo=UTC)


def _totals(label: str, models: Sequence[Margin]) -> list[Total]:
    earned = {it.currency: it.recognized for it in accounts.every_month() if it.label == label}
    found = []
    for currency in sorted({it.revenue.currency for it in models} | set(earned)):
        nothing = Money(ZERO, currency)
        own = [it for it in models if it.revenue.currency == currency]
        left = [it.margin for it in own if it.margin is not None]
        found.append(
            Total(
                currency,
                sum((it.revenue for it in own), nothing),
                sum((it.cost for it in own if it.cost is not None), nothing),
                sum(left, nothing) if left else None,
                earned.get(currency, nothing),
            )
        )
    return found
