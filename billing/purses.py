"""Grants and leases while their rows are locked: what a batch does to them, computed in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, tuple_row

from billing.burning import Allocation
from billing.models import CreditGrant
from billing.settlement import Settled
from common.money import exact
from metering.services import rows

ZERO = Decimal(0)
_PRECISE = Context(prec=80)

# The lock order of the house: grants by id, then their leases (which change under these locks only).
LOCK_GRANTS = """
SELECT g.id, g.organization_id, w.currency, g.unit, g.granted, g.remaining, g.leased, g.cost_basis,
    g.kind
FROM billing_creditgrant g JOIN billing_wallet w ON w.id = g.wallet_id
WHERE g.id = ANY(%s) ORDER BY g.id FOR UPDATE OF g
"""
LEASES = "SELECT grant_id, quantity FROM billing_lease WHERE process_id = %s AND grant_id = ANY(%s)"
STORE = """
WITH new AS MATERIALIZED (
    SELECT id, remaining::numeric, leased::numeric, held::numeric
    FROM unnest(%s, %s, %s, %s) AS new(id, remaining, leased, held)
), grants AS (
    UPDATE billing_creditgrant g
    SET remaining = new.remaining, leased = new.leased, updated_at = now()
    FROM new WHERE g.id = new.id
)
UPDATE billing_lease l SET quantity = new.held, heartbeat_at = now()
FROM new WHERE l.process_id = %s AND l.grant_id = new.id
"""


@dataclass(slots=True)
class Purse:
    """One locked grant, and what the recording process holds of it."""

    id: UUID
    organization_id: UUID
    currency: str
    unit: str
    granted: Decimal
    remaining: Decimal
    leased: Decimal
    cost_basis: Decimal
    kind: str = ""
    held: Decimal = ZERO
    before: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.remaining

    @property
    def is_limit(self) -> bool:
        """Whether it is no credit but what a contract lets the customer owe."""
        return self.kind == CreditGrant.Kind.LIMIT

    @property
    def used(self) -> Decimal:
        """Return how much this batch has used up."""
        return self.before - self.remaining

    @property
    def recognized(self) -> Decimal:
        """Return the revenue that this batch's use recognizes.

        Cumulative minus what was recognized before, so that any number of batches recognizes the
        whole price of the grant and not a trillionth more.
        """
        return self._earned(self.remaining) - self._earned(self.before)

    def _earned(self, remaining: Decimal) -> Decimal:
        paid = _PRECISE.multiply(self.cost_basis, self.granted - remaining)
        return exact(_PRECISE.divide(paid, self.granted))

    def use(self, quantity: Decimal) -> Decimal:
        """Use up to ``quantity``: what the process holds first, then what nobody holds."""
        from_lease = min(self.held, quantity)
        free = self.remaining - self.leased
        from_free = min(quantity - from_lease, free)
        self.held -= from_lease
        self.leased -= from_lease
        self.remaining -= from_lease + from_free
        return from_lease + from_free

    def release(self, quantity: Decimal) -> None:
        """Give back up to ``quantity`` of what the process holds."""
        returned = min(self.held, quantity)
        self.held -= returned
        self.leased -= returned


Purses = dict[UUID, Purse]


async def lock(conn: AsyncConnection[Any], process_id: str, grants: Iterable[UUID]) -> Purses:
    """Lock these grants and return them with what the process holds of each."""
    found = sorted(set(grants))
    if not found:
        return {}
    ids = rows.uuids(found)
    grants_cursor = conn.cursor(row_factory=class_row(Purse))
    leases_cursor = conn.cursor(row_factory=tuple_row)
    await grants_cursor.execute(LOCK_GRANTS, [ids])
    await leases_cursor.execute(LEASES, [process_id, ids])
    purses = {purse.id: purse for purse in await grants_cursor.fetchall()}
    for grant_id, quantity in await leases_cursor.fetchall():
        purses[grant_id].held = quantity
    return purses


async def store(conn: AsyncConnection[Any], process_id: str, purses: Purses) -> None:
    """Write back what was done to locked grants and the process's leases of them."""
    if not purses:
        return
    changed = list(purses.values())
    columns = [
        rows.uuids([purse.id for purse in changed]),
        rows.texts([str(purse.remaining) for purse in changed]),
        rows.texts([str(purse.leased) for purse in changed]),
        rows.texts([str(purse.held) for purse in changed]),
    ]
    await conn.execute(STORE, [*columns, process_id])


@dataclass(frozen=True, slots=True)
class Paid:
    """Who paid for one request in the end, and what nobody paid."""

    settled: Settled
    amount: Decimal
    split: Sequence[Allocation]
    #: What is owed: what credit did not pay, on a limit or beyond it.
    uncovered: Decimal


def pay(settled: Settled, purses: Purses) -> Paid:
    """Use up grants as the request's allocations say, as far as the grants still have it.

    They have it unless the process was given up for dead and its lease reclaimed before this
    batch came; then others may have spent the rest, and what is missing is owed instead.
    """
    left = amount = settled.amount
    split, owed = [], ZERO
    for allocation in settled.allocations:
        purse = purses.get(allocation.grant_id)
        if purse is None or not _may_pay(purse, settled):
            continue
        used = _use(purse, allocation, left)
        if used.quantity or used.amount:
            split.append(used)
            left -= used.amount
            owed += used.amount if purse.is_limit else ZERO
    return Paid(settled, amount, split, left + owed)


def _may_pay(purse: Purse, settled: Settled) -> bool:
    same = purse.organization_id == settled.organization_id
    return same and purse.currency == settled.currency


def _use(purse: Purse, allocation: Allocation, most: Decimal) -> Allocation:
    """Use one grant for at most ``most`` of money's worth."""
    if purse.unit == "money":
        used = purse.use(min(allocation.amount, most))
        return Allocation(purse.id, used, used)
    used = purse.use(allocation.quantity)
    worth = min(allocation.amount, most)
    if used < allocation.quantity:
        worth = exact(_PRECISE.divide(_PRECISE.multiply(worth, used), allocation.quantity))
    return Allocation(purse.id, used, worth)
