"""What this process holds of hard budgets: requests reserve from it without touching the database.

Purses fill it with their leases and give it back when it is idle, as they do with credit.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing import windows
from billing.budgets import LeasedBudget, Terms
from billing.windows import Span
from gateway.errors import BudgetExceeded
from gateway.keys import Caller

ZERO = Decimal(0)
#: So long a budget that was found spent is not asked for again.
SPENT_FOR = 1.0
#: So long one that was found to stop nothing is not asked about again.
LIFTED_FOR = 1.0
#: Remembered cuts of time; above this all are forgotten.
MOST_SPANS = 10_000

Key = tuple[UUID, datetime]


class Allowance:
    """What this process holds of one window of a budget."""

    def __init__(self, organization_id: UUID, terms: Terms, span: Span) -> None:
        self.organization_id = organization_id
        self.terms = terms
        self.span = span
        self.window_id: UUID | None = None
        self.free = ZERO
        #: What requests have reserved and not settled.
        self.reserved = ZERO
        self.used_at = time.monotonic()
        #: Requests that wait for it to be filled.
        self.asking = 0
        #: When nothing more of it was found to be had.
        self.dry_at = 0.0
        #: When what was free here last went back.
        self.emptied_at = 0.0
        #: What was not spent when we last looked, by anybody; None until then.
        self.unspent: Decimal | None = None
        self._looked_at = 0.0
        #: Until then the budget is taken for one that stops nothing any more.
        self._lifted_until = 0.0

    def allows(self, money: Decimal) -> bool:
        """Tell whether so much may be spent of what is held here."""
        return self.free >= money or time.monotonic() < self._lifted_until

    def is_spent(self, money: Decimal) -> bool:
        """Tell whether so much cannot be had whoever gives back what they hold."""
        if self.unspent is None:
            return False
        return self.unspent < money and time.monotonic() - self._looked_at < SPENT_FOR

    def reserve(self, money: Decimal) -> bool:
        """Set so much aside; False where nothing need be."""
        self.used_at = time.monotonic()
        if self.free < money:
            return False
        self.free -= money
        self.reserved += money
        return True

    def settle(self, reserved: Decimal, spent: Decimal) -> None:
        """Take note of what was really spent of a reservation; the rest is free again."""
        self.reserved -= reserved
        self.free += max(reserved - spent, ZERO)

    def take_in(self, leased: LeasedBudget | None) -> None:
        """Add what was leased; None means that the budget stops nothing any more."""
        if leased is None:
            # Not for good: it may be made hard again while requests keep this alive.
            self._lifted_until, self.unspent = time.monotonic() + LIFTED_FOR, None
            return
        self._lifted_until = 0.0
        self.window_id = leased.window_id
        self.free += leased.quantity
        self.unspent, self._looked_at = leased.unspent, time.monotonic()

    def take_all(self) -> Decimal:
        """Empty it of what is free."""
        free, self.free, self.emptied_at = self.free, ZERO, time.monotonic()
        return free


class Allowances:
    """All that this process holds of budgets."""

    def __init__(self) -> None:
        self._held: dict[Key, Allowance] = {}
        self._spans: dict[Terms, Span | None] = {}

    def of(self, caller: Caller, at: datetime) -> Sequence[Allowance]:
        """Return the allowances that a request of this caller, come at this time, needs."""
        if not caller.budgets:
            return ()
        found = []
        for terms in caller.budgets:
            if span := self._span(terms, at):
                held = self._held.get((terms.id, span.starts_at))
                if held is None:
                    held = Allowance(caller.organization_id, terms, span)
                    self._held[terms.id, span.starts_at] = held
                held.terms = terms
                found.append(held)
        return found

    def _span(self, terms: Terms, at: datetime) -> Span | None:
        span = self._spans.get(terms)
        if span is None or not span.holds(at):
            if len(self._spans) >= MOST_SPANS:
                self._spans.clear()
            span = self._spans[terms] = windows.containing(terms, at)
        return span

    def __iter__(self) -> Iterator[Allowance]:
        return iter(list(self._held.values()))

    def forget(self, allowance: Allowance) -> None:
        """Drop one that holds nothing and that no request uses."""
        self._held.pop((allowance.terms.id, allowance.span.starts_at), None)


def exceeded(short: Allowance, caller: Caller, billing: str) -> BudgetExceeded:
    """Return the refusal that names the budget, when it begins anew and whom to ask."""
    terms, until = short.terms, short.span.ends_at
    left = "" if short.unspent is None else f", of which {plain(short.unspent)} is not spent"
    again = "It ends" if terms.window == windows.FIXED else "It begins anew"
    return BudgetExceeded(
        f"The {terms.owner}'s budget '{terms.name}' does not pay for this request: it is"
        f" {plain(terms.amount)} {terms.currency} ({SPANS[terms.window]}){left}."
        f" {again} at {until:%Y-%m-%dT%H:%M:%SZ}. An owner, admin or billing member of"
        f" {caller.organization_slug} can raise it at {billing}budgets/"
    )


def plain(number: Decimal) -> str:
    """Return a decimal as people write it."""
    return f"{number.normalize():f}"


#: Windows in the words of a refusal.
SPANS = {
    windows.DAY: "a day",
    windows.WEEK: "a week",
    windows.MONTH: "a month",
    windows.FIXED: "once",
}
