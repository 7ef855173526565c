"""Budgets in the gateway's hands: held like credit before a request, spent when it is recorded.

Service-role SQL in the caller's transaction. Windows are locked after grants, in the order of their
ids; those that are missing are opened with what their time has already seen.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row, tuple_row

from billing import budget_locks, windows
from billing.settlement import Settled
from billing.windows import Span
from common.ids import uuid7
from metering.services.rows import as_json

ZERO = Decimal(0)

OPEN_BUDGETS = """
SELECT b.id, b.organization_id, b.project_id, b.api_key_id, b.currency, b.window, b.starts_at,
    b.ends_at, o.time_zone
FROM billing_budget b JOIN tenants_organization o ON o.id = b.organization_id
WHERE b.organization_id = ANY(%s) AND b.closed_at IS NULL
"""
OPEN_WINDOWS = """
INSERT INTO billing_budgetwindow (
    id, organization_id, budget_id, starts_at, ends_at, spent, leased, told)
SELECT asked.id, b.organization_id, b.id, asked.starts_at, asked.ends_at, coalesce((
        SELECT sum(s.amount) FROM billing_spendbucket s
        WHERE s.organization_id = b.organization_id AND s.currency = b.currency
            AND s.starts_at >= asked.starts_at AND s.starts_at < asked.ends_at
            AND (b.project_id IS NULL OR s.project_id = b.project_id)
            AND (b.api_key_id IS NULL OR s.api_key_id = b.api_key_id)
    ), 0), 0, 0
FROM jsonb_to_recordset(%s::jsonb) AS asked(
    id uuid, budget_id uuid, starts_at timestamptz, ends_at timestamptz)
JOIN billing_budget b ON b.id = asked.budget_id AND b.closed_at IS NULL
ORDER BY b.id
ON CONFLICT (budget_id, starts_at) DO NOTHING
"""
LOCK_WINDOWS = """
SELECT w.id, w.budget_id, w.starts_at, b.amount, w.spent, w.leased,
    b.is_hard AND b.closed_at IS NULL AS holds
FROM billing_budgetwindow w JOIN billing_budget b ON b.id = w.budget_id
WHERE w.id = ANY(%s) OR (w.budget_id, w.starts_at) IN (
    SELECT budget_id, starts_at
    FROM jsonb_to_recordset(%s::jsonb) AS asked(budget_id uuid, starts_at timestamptz))
ORDER BY w.id FOR UPDATE OF w
"""
OF_KEY = """
SELECT b.id, b.name, CASE WHEN b.api_key_id IS NOT NULL THEN 'key'
        WHEN b.project_id IS NOT NULL THEN 'project' ELSE 'organization' END AS owner,
    b.amount, b.currency, b.window, o.time_zone, b.starts_at, b.ends_at, b.is_hard
FROM billing_budget b JOIN tenants_organization o ON o.id = b.organization_id
WHERE b.organization_id = %(organization)s AND b.currency = %(currency)s AND b.closed_at IS NULL
    AND (b.project_id IS NULL OR b.project_id = %(project)s)
    AND (b.api_key_id IS NULL OR b.api_key_id = %(key)s)
ORDER BY b.created_at, b.id
"""
# Of a window that was not opened yet, what its time has seen.
SPENT = """
SELECT b.id, coalesce(w.spent, (
        SELECT sum(s.amount) FROM billing_spendbucket s
        WHERE s.organization_id = b.organization_id AND s.currency = b.currency
            AND s.starts_at >= asked.starts_at AND s.starts_at < asked.ends_at
            AND (b.project_id IS NULL OR s.project_id = b.project_id)
            AND (b.api_key_id IS NULL OR s.api_key_id = b.api_key_id)
    ), 0)
FROM jsonb_to_recordset(%s::jsonb) AS asked(
    budget_id uuid, starts_at timestamptz, ends_at timestamptz)
JOIN billing_budget b ON b.id = asked.budget_id
LEFT JOIN billing_budgetwindow w ON w.budget_id = b.id AND w.starts_at = asked.starts_at
"""
# Read once the windows are locked: they change under these locks only.
HELD = """
SELECT window_id, quantity FROM billing_budgetlease
WHERE process_id = %s AND window_id = ANY(%s)
"""
MOVE = """
UPDATE billing_budgetwindow w SET spent = w.spent + new.spent, leased = w.leased + new.leased
FROM jsonb_to_recordset(%s::jsonb) AS new(id uuid, spent numeric, leased numeric)
WHERE w.id = new.id AND (new.spent <> 0 OR new.leased <> 0)
"""
LEASE = """
INSERT INTO billing_budgetlease AS lease (
    id, process_id, organization_id, window_id, quantity, heartbeat_at)
SELECT new.id, %s, w.organization_id, w.id, new.leased, now()
FROM jsonb_to_recordset(%s::jsonb) AS new(id uuid, window_id uuid, leased numeric)
JOIN billing_budgetwindow w ON w.id = new.window_id
ORDER BY w.id
ON CONFLICT (process_id, window_id) DO UPDATE
SET quantity = lease.quantity + excluded.quantity, heartbeat_at = now()
"""
LET_GO = """
UPDATE billing_budgetlease lease SET quantity = lease.quantity + new.leased, heartbeat_at = now()
FROM jsonb_to_recordset(%s::jsonb) AS new(id uuid, leased numeric)
WHERE lease.process_id = %s AND lease.window_id = new.id
"""
# Rows that a recorder holds are touched by it; waiting for them here could deadlock.
BEAT = """
UPDATE billing_budgetlease SET heartbeat_at = now() WHERE id IN (
    SELECT id FROM billing_budgetlease WHERE process_id = %s FOR UPDATE SKIP LOCKED)
"""


class Terms(msgspec.Struct, frozen=True):
    """A hard budget as gateways know it."""

    id: UUID
    name: str
    #: Whose it is: key, project or organization.
    owner: str
    amount: Decimal
    currency: str
    window: str
    time_zone: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_hard: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget, its present window and what is spent of it."""

    terms: Terms
    span: Span
    spent: Decimal

    @property
    def left(self) -> Decimal:
        """Return what may still be spent; what processes hold idle counts as available."""
        return max(self.terms.amount - self.spent, ZERO)


@dataclass(frozen=True, slots=True)
class Wish:
    """So much of one window of a budget."""

    budget_id: UUID
    span: Span
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class LeasedBudget:
    """What a process now holds of a window, and what is not spent of it, held or not."""

    budget_id: UUID
    starts_at: datetime
    window_id: UUID
    quantity: Decimal
    unspent: Decimal


@dataclass(slots=True)
class _Window:
    """A locked window."""

    id: UUID
    budget_id: UUID
    starts_at: datetime
    amount: Decimal
    spent: Decimal
    leased: Decimal
    #: Whether its budget still stops requests.
    holds: bool

    @property
    def unspent(self) -> Decimal:
        return max(self.amount - self.spent, ZERO)

    @property
    def free(self) -> Decimal:
        return max(self.amount - self.spent - self.leased, ZERO)


@dataclass(frozen=True, slots=True)
class _Budget:
    """An open budget, hard or not, as the recorder knows it."""

    id: UUID
    organization_id: UUID
    project_id: UUID | None
    api_key_id: UUID | None
    currency: str
    window: str
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str

    def counts(self, settled: Settled) -> bool:
        return (
            self.organization_id == settled.organization_id
            and self.currency == settled.currency
            and self.project_id in (None, settled.project_id)
            and self.api_key_id in (None, settled.api_key_id)
        )


Key = tuple[UUID, datetime]


async def take(
    conn: AsyncConnection[Any], process_id: str, wishes: Sequence[Wish]
) -> list[LeasedBudget]:
    """Hold what is wished of each window, or all that is free of it if that is less.

    A budget that stops nothing any more is left out of the answer.
    """
    if not wishes:
        return []
    spans = {(wish.budget_id, wish.span.starts_at): wish.span for wish in wishes}
    found = await _lock(conn, spans)
    wanted = {(wish.budget_id, wish.span.starts_at): wish.quantity for wish in wishes}
    leased = [
        LeasedBudget(
            window.budget_id,
            window.starts_at,
            window.id,
            min(wanted[window.budget_id, window.starts_at], window.free),
            window.unspent,
        )
        for window in found
        if window.holds
    ]
    moved = [each for each in leased if each.quantity]
    if moved:
        rows = [{"id": m.window_id, "spent": ZERO, "leased": m.quantity} for m in moved]
        await conn.execute(MOVE, [as_json(rows)])
        new = [{"id": uuid7(), "window_id": m.window_id, "leased": m.quantity} for m in moved]
        await conn.execute(LEASE, [process_id, as_json(new)])
    return leased


def are_met(wishes: Sequence[Wish], leased: Sequence[LeasedBudget]) -> bool:
    """Tell whether all that was wished of those that stop anything was to be had."""
    found = {(each.budget_id, each.starts_at): each.quantity for each in leased}
    return all(
        found.get((wish.budget_id, wish.span.starts_at), wish.quantity) >= wish.quantity
        for wish in wishes
    )


async def release(
    conn: AsyncConnection[Any], process_id: str, quantities: Mapping[UUID, Decimal]
) -> None:
    """Return so much of these windows; never more than the process holds."""
    found = await _lock(conn, {}, named=quantities)
    held = await _held(conn, process_id, found)
    returned = {
        window.id: min(quantities[window.id], held.get(window.id, ZERO)) for window in found
    }
    await _move(conn, process_id, {}, returned)


async def reclaim(
    conn: AsyncConnection[Any], process_id: str, known: Mapping[UUID, Decimal]
) -> None:
    """Return all that a process holds and does not know of."""
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(
        "SELECT window_id FROM billing_budgetlease WHERE process_id = %s", [process_id]
    )
    named = [window_id for (window_id,) in await cursor.fetchall()]
    if not named:
        return
    held = await _held(conn, process_id, await _lock(conn, {}, named=named))
    returned = {
        window_id: max(quantity - known.get(window_id, ZERO), ZERO)
        for window_id, quantity in held.items()
    }
    await _move(conn, process_id, {}, returned)
    await conn.execute(
        "DELETE FROM billing_budgetlease WHERE process_id = %s AND quantity = 0", [process_id]
    )


async def spend(conn: AsyncConnection[Any], process_id: str, new: Sequence[Settled]) -> None:
    """Count these requests in every budget they belong to, each in the window it occurred in.

    What the process holds of a window for them is used up first. What was really spent is counted
    whatever the budget says: it has happened.
    """
    spent = await _spent(conn, new)
    used: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for settled in new:
        for window_id in settled.budgets:
            used[window_id] += settled.amount
    if not spent and not used:
        return
    found = await _lock(conn, {key: span for key, (span, _sum) in spent.items()}, named=used)
    held = await _held(conn, process_id, found)
    sums = {
        window.id: spent[window.budget_id, window.starts_at][1]
        for window in found
        if (window.budget_id, window.starts_at) in spent
    }
    taken = {key: min(quantity, held.get(key, ZERO)) for key, quantity in used.items()}
    await _move(conn, process_id, sums, taken)


async def _spent(
    conn: AsyncConnection[Any], new: Sequence[Settled]
) -> dict[Key, tuple[Span, Decimal]]:
    """Return what the requests add to each window of the budgets that count them.

    No budget is made until this is committed: its first window would miss what is written here.
    """
    cursor = conn.cursor(row_factory=class_row(_Budget))
    organizations = list({settled.organization_id for settled in new})
    await conn.execute(budget_locks.KEEP, [organizations])
    await cursor.execute(OPEN_BUDGETS, [organizations])
    budgets = await cursor.fetchall()
    sums: dict[Key, tuple[Span, Decimal]] = {}
    for budget in budgets:
        for settled in new:
            span = (
                windows.containing(budget, settled.occurred_at) if budget.counts(settled) else None
            )
            if span is not None:
                key = (budget.id, span.starts_at)
                sums[key] = (span, sums.get(key, (span, ZERO))[1] + settled.amount)
    return sums


async def of_key(
    conn: AsyncConnection[Any], facts: Mapping[str, Any], at: datetime
) -> list[Standing]:
    """Return how the budgets stand that count a key's usage, hard or not.

    ``facts`` are its organization, project, key and currency.
    """
    cursor = conn.cursor(row_factory=class_row(Terms))
    await cursor.execute(OF_KEY, facts)
    spans = {terms: windows.containing(terms, at) for terms in await cursor.fetchall()}
    asked = [
        {"budget_id": terms.id, "starts_at": span.starts_at, "ends_at": span.ends_at}
        for terms, span in spans.items()
        if span
    ]
    if not asked:
        return []
    sums = conn.cursor(row_factory=tuple_row)
    await sums.execute(SPENT, [as_json(asked)])
    spent: dict[UUID, Decimal] = dict(await sums.fetchall())
    return [Standing(terms, span, spent[terms.id]) for terms, span in spans.items() if span]


async def _lock(
    conn: AsyncConnection[Any], spans: Mapping[Key, Span], named: Iterable[UUID] = ()
) -> list[_Window]:
    """Return the windows, locked in the order of their ids; those still missing are opened."""
    found = await _locked(conn, spans, list(named))
    known = {(window.budget_id, window.starts_at) for window in found}
    missing = {key: span for key, span in spans.items() if key not in known}
    if missing:
        opened = [
            {
                "id": uuid7(),
                "budget_id": budget_id,
                "starts_at": span.starts_at,
                "ends_at": span.ends_at,
            }
            for (budget_id, _start), span in sorted(missing.items())
        ]
        await conn.execute(OPEN_WINDOWS, [as_json(opened)])
        found += await _locked(conn, missing, [])
    return found


async def _locked(
    conn: AsyncConnection[Any], keys: Iterable[Key], named: list[UUID]
) -> list[_Window]:
    cursor = conn.cursor(row_factory=class_row(_Window))
    asked = [{"budget_id": budget_id, "starts_at": start} for budget_id, start in keys]
    await cursor.execute(LOCK_WINDOWS, [named, as_json(asked)])
    return await cursor.fetchall()


async def _held(
    conn: AsyncConnection[Any], process_id: str, found: Sequence[_Window]
) -> dict[UUID, Decimal]:
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(HELD, [process_id, [window.id for window in found]])
    return dict(await cursor.fetchall())


async def _move(
    conn: AsyncConnection[Any],
    process_id: str,
    spent: Mapping[UUID, Decimal],
    returned: Mapping[UUID, Decimal],
) -> None:
    """Add what was spent, and take off what the process holds no more."""
    rows = as_json(
        [
            {"id": key, "spent": spent.get(key, ZERO), "leased": -returned.get(key, ZERO)}
            for key in {**spent, **returned}
        ]
    )
    await conn.execute(MOVE, [rows])
    await conn.execute(LET_GO, [rows, process_id])
