"""What the gateway does with money: lease before a request, record and settle after it.

Service-role SQL on a psycopg connection that the caller brings, with nothing open on it; no ORM,
because the gateway's hot path has none. Every function is one transaction. Locks are taken in the
same order everywhere: event keys, grants by id, leases, windows of budgets by id, then rows that
are appended and buckets, in the order of their keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, tuple_row

from billing import budgets, purses
from billing.budgets import LeasedBudget, Wish
from billing.burning import Allocation, BurnKey, Split, Unit, burn_key, split
from billing.recording import record
from billing.settlement import Recorded, Settled
from common.ids import uuid7
from metering.services.rows import as_json

__all__ = [
    "Allocation",
    "Leased",
    "LeasedBudget",
    "LeasedGrant",
    "Recorded",
    "Settled",
    "Split",
    "Wish",
    "give_back",
    "heartbeat",
    "reclaim",
    "record",
    "split",
    "take",
    "take_within",
]


@dataclass(frozen=True, slots=True)
class LeasedGrant:
    """What a process now holds of a grant."""

    grant_id: UUID
    unit: Unit
    quantity: Decimal
    #: Where the grant stands in burn order.
    rank: BurnKey | None = None


@dataclass(frozen=True, slots=True)
class Leased:
    """What a process now holds of grants, in burn order, and of budgets.

    Where there was not enough, also what each other process holds of the organization's credit, or of
    these budgets.
    """

    grants: list[LeasedGrant]
    budgets: list[LeasedBudget]
    elsewhere: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A locked grant with something free."""

    grant_id: UUID
    unit: Unit
    quantity: Decimal
    priority: int
    expires_at: datetime | None
    created_at: datetime


LOCK_FREE_GRANTS = """
SELECT g.id AS grant_id, g.unit, g.remaining - g.leased AS quantity,
    g.priority, g.expires_at, g.created_at
FROM billing_creditgrant g
WHERE g.organization_id = %(organization)s
    AND g.wallet_id = (SELECT id FROM billing_wallet
        WHERE organization_id = %(organization)s AND currency = %(currency)s)
    AND (g.token_class_id IS NULL OR g.token_class_id = %(token_class)s)
    AND g.remaining > g.leased AND g.voided_at IS NULL
    AND g.effective_from <= now() AND (g.expires_at IS NULL OR g.expires_at > now())
ORDER BY g.id FOR UPDATE
"""
HOLD = """
UPDATE billing_creditgrant g SET leased = leased + new.quantity, updated_at = now()
FROM jsonb_to_recordset(%s::jsonb) AS new(grant_id uuid, quantity numeric)
WHERE g.id = new.grant_id AND g.remaining - g.leased >= new.quantity
RETURNING g.id
"""
LEASE = """
INSERT INTO billing_lease AS lease (
    id, process_id, organization_id, grant_id, quantity, heartbeat_at)
SELECT id, %s, %s, grant_id, quantity, now()
FROM jsonb_to_recordset(%s::jsonb) AS new(id uuid, grant_id uuid, quantity numeric)
ORDER BY grant_id
ON CONFLICT (process_id, grant_id) DO UPDATE
SET quantity = lease.quantity + excluded.quantity, heartbeat_at = now()
"""
# What is set aside for long work (``billing.holds``) nobody gives back when asked.
ELSEWHERE = """
SELECT process_id, sum(quantity) FROM (
    SELECT process_id, quantity FROM billing_lease WHERE organization_id = %(organization)s
    UNION ALL
    SELECT lease.process_id, lease.quantity FROM billing_budgetlease lease
    JOIN billing_budgetwindow w ON w.id = lease.window_id
    WHERE lease.organization_id = %(organization)s AND w.budget_id = ANY(%(budgets)s)
) held
WHERE process_id <> %(process)s AND process_id NOT LIKE 'hold:%%' GROUP BY 1 HAVING sum(quantity) > 0
"""
# Rows that a recorder holds are touched by it; waiting for them here could deadlock.
BEAT = """
UPDATE billing_lease SET heartbeat_at = now() WHERE id IN (
    SELECT id FROM billing_lease WHERE process_id = %s FOR UPDATE SKIP LOCKED)
"""


class FundsMoved(RuntimeError):
    """A locked grant had less than was just read: the lock did not hold."""


async def take(
    conn: AsyncConnection[Any],
    *,
    process_id: str,
    organization_id: UUID,
    token_class_id: UUID | None,
    currency: str,
    money_needed: Decimal,
    tokens_needed: Decimal,
) -> list[LeasedGrant]:
    """Hold credit alone; see :func:`take_within`."""
    leased = await take_within(
        conn,
        process_id=process_id,
        organization_id=organization_id,
        token_class_id=token_class_id,
        currency=currency,
        money_needed=money_needed,
        tokens_needed=tokens_needed,
    )
    return leased.grants


async def take_within(
    conn: AsyncConnection[Any],
    *,
    process_id: str,
    organization_id: UUID,
    token_class_id: UUID | None,
    currency: str,
    money_needed: Decimal,
    tokens_needed: Decimal,
    wishes: Sequence[Wish] = (),
) -> Leased:
    """Hold as much of the organization's credit as is needed, or all there is if that is less.

    ``money_needed`` and ``tokens_needed`` (weighted) are two measures of the same worst case; a
    grant of tokens that covers a share of it leaves that share less to pay in money. The grants
    are in burn order. Whether it is enough, the caller sees with :func:`billing.burning.split`.
    What is wished of budgets is held in the same transaction; where anything is short, it also tells
    who else holds some.
    """
    facts = {"organization": organization_id, "currency": currency, "token_class": token_class_id}
    async with conn.pipeline(), conn.transaction():
        grants: list[LeasedGrant] = []
        elsewhere: dict[str, Decimal] = {}
        is_short = False
        if money_needed or tokens_needed:
            cursor = conn.cursor(row_factory=class_row(_Candidate))
            await cursor.execute(LOCK_FREE_GRANTS, facts)
            free = sorted(await cursor.fetchall(), key=_burn_key)
            paid = split(free, money=money_needed, tokens=tokens_needed)
            grants, is_short = _wanted(free, paid), paid.uncovered > 0
        if grants:
            await _hold(conn, process_id, organization_id, grants)
        leased = await budgets.take(conn, process_id, wishes)
        if is_short or not budgets.are_met(wishes, leased):
            of = {"process": process_id, "budgets": [wish.budget_id for wish in wishes]}
            elsewhere = await _elsewhere(conn, facts | of)
    return Leased(grants, leased, elsewhere)


def _wanted(free: list[_Candidate], paid: Split) -> list[LeasedGrant]:
    known = {grant.grant_id: grant for grant in free}
    return [
        LeasedGrant(a.grant_id, known[a.grant_id].unit, a.quantity, _burn_key(known[a.grant_id]))
        for a in paid.allocations
        if a.quantity
    ]


async def _elsewhere(conn: AsyncConnection[Any], facts: dict[str, Any]) -> dict[str, Decimal]:
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(ELSEWHERE, facts)
    return dict(await cursor.fetchall())


async def _hold(
    conn: AsyncConnection[Any], process_id: str, organization_id: UUID, wanted: list[LeasedGrant]
) -> None:
    rows = as_json(
        [{"id": uuid7(), "grant_id": a.grant_id, "quantity": a.quantity} for a in wanted]
    )
    held = await conn.execute(HOLD, [rows])
    await conn.execute(LEASE, [process_id, organization_id, rows])
    if len(await held.fetchall()) != len(wanted):
        raise FundsMoved


def _burn_key(grant: _Candidate) -> BurnKey:
    return burn_key(
        unit=grant.unit,
        priority=grant.priority,
        expires_at=grant.expires_at,
        created_at=grant.created_at,
        grant_id=grant.grant_id,
    )


async def give_back(
    conn: AsyncConnection[Any],
    *,
    process_id: str,
    allocations: Iterable[LeasedGrant] = (),
    windows: Mapping[UUID, Decimal] | None = None,
) -> None:
    """Return what the process holds and does not need; never more than it holds.

    ``windows`` are those of budgets, each with its quantity.
    """
    returned: dict[UUID, Decimal] = {}
    for lease in allocations:
        returned[lease.grant_id] = returned.get(lease.grant_id, Decimal(0)) + lease.quantity
    async with conn.pipeline(), conn.transaction():
        held = await purses.lock(conn, process_id, returned)
        for purse in held.values():
            purse.release(returned[purse.id])
        await purses.store(conn, process_id, held)
        if windows:
            await budgets.release(conn, process_id, windows)


async def reclaim(
    conn: AsyncConnection[Any], *, process_id: str, known: Mapping[UUID, Decimal] | None = None
) -> None:
    """Return all that a process holds, of grants and budgets, and does not know of.

    Of a process that has ended nothing is known any more, once its usage is recorded.
    """
    known = known or {}
    async with conn.transaction():
        async with conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(
                "SELECT grant_id FROM billing_lease WHERE process_id = %s", [process_id]
            )
            grants = [grant_id for (grant_id,) in await cursor.fetchall()]
        held = await purses.lock(conn, process_id, grants)
        for purse in held.values():
            purse.release(max(purse.held - known.get(purse.id, Decimal(0)), Decimal(0)))
        await purses.store(conn, process_id, held)
        await conn.execute(
            "DELETE FROM billing_lease WHERE process_id = %s AND quantity = 0", [process_id]
        )
        await budgets.reclaim(conn, process_id, known)


async def heartbeat(conn: AsyncConnection[Any], *, process_id: str) -> None:
    """Say that the process is alive, so that its leases stay its own."""
    async with conn.transaction():
        await conn.execute(BEAT, [process_id])
        await conn.execute(budgets.BEAT, [process_id])
