"""What a rehearsal does to what models leave: revenue and margin of its months, before and after.

Months are UTC's, as those of margins are. Cost does not change with prices, so that the margin moves by
what the rehearsed usage would bring more or less. Read as the service.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from billing import margins, periods
from billing.models import Rehearsal
from billing.periods import Period
from billing.rehearsals import OfPrice
from common.money import Money

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a model, or several, brought of all customers in these months, and would have brought."""

    model: str
    before: Money
    after: Money
    #: None where nobody stated what the model costs in this currency.
    cost: Money | None

    @property
    def margin_before(self) -> Money | None:
        """What was left of the revenue."""
        return None if self.cost is None else self.before - self.cost

    @property
    def margin_after(self) -> Money | None:
        """What would have been left of it."""
        return None if self.cost is None else self.after - self.cost

    @property
    def share_before(self) -> Decimal | None:
        """The margin as a share of the revenue."""
        return _share(self.margin_before, self.before)

    @property
    def share_after(self) -> Decimal | None:
        """The margin there would have been as a share of the revenue."""
        return _share(self.margin_after, self.after)


def of(rehearsal: Rehearsal, prices: list[OfPrice]) -> list[Moved]:
    """Return how each model that customers of the book used moves, by name."""
    currency = rehearsal.version.book.currency
    measured = margins.of(_period(rehearsal))
    more: dict[str, Decimal] = defaultdict(Decimal)
    for it in prices:
        more[it.offer] += it.effect.new - it.effect.old
    sold = {it.model: it for it in measured if it.revenue.currency == currency}
    nothing = Money(ZERO, currency)
    found = []
    for model, difference in sorted(more.items()):
        known = sold.get(model)
        before = known.revenue if known else nothing
        cost = known.cost if known else None
        found.append(Moved(model, before, before + Money(difference, currency), cost))
    return found


def together(moved: list[Moved]) -> Moved | None:
    """Return the sum of those whose cost somebody stated; None where there is none."""
    known = [it for it in moved if it.cost is not None]
    if not known:
        return None
    nothing = Money(ZERO, known[0].before.currency)
    return Moved(
        "",
        sum((it.before for it in known), nothing),
        sum((it.after for it in known), nothing),
        sum((it.cost for it in known if it.cost is not None), nothing),
    )


def _period(rehearsal: Rehearsal) -> Period:
    first, last = (periods.parse(it, "UTC") for it in (rehearsal.first_month, rehearsal.last_month))
    return Period(rehearsal.first_month, first.start, last.end)


def _share(margin: Money | None, revenue: Money) -> Decimal | None:
    return margin.amount / revenue.amount if margin is not None and revenue.amount else None
