"""Credit set aside for work that takes long, such as training, from its quote to its settlement.

A hold is a lease whose holder is no process but the work itself, by a key that its owner chooses:
so the wallet, budgets and the recorder treat it as they treat what a request is admitted on. It is
placed whole or not at all, it waits as long as the work does, and nobody but its owner returns it.
Money alone is held: tokens of a bundle are for calls.

Each function is one transaction on a connection of its own as the service role; none is called
while the caller has one open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.utils import timezone
from psycopg import AsyncConnection
from psycopg.errors import SerializationFailure
from psycopg.rows import class_row, tuple_row

from billing import budgets, funds
from billing.budgets import Standing, Wish
from billing.burning import Unit, burn_key, split
from billing.funds import Settled
from billing.models import HOLD
from common.database import service_parameters

T = TypeVar("T")
ZERO = Decimal(0)
# Of two that place the same hold, the second finds what the first did.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
IS_PLACED = "SELECT EXISTS (SELECT FROM billing_lease WHERE process_id = %s AND quantity > 0)"
HELD = """
SELECT l.grant_id, g.unit, l.quantity, g.priority, g.expires_at, g.created_at
FROM billing_lease l JOIN billing_creditgrant g ON g.id = l.grant_id WHERE l.process_id = %s
"""
WINDOWS = "SELECT window_id FROM billing_budgetlease WHERE process_id = %s"


@dataclass(frozen=True, slots=True)
class Asked:
    """So much money, for whose work."""

    key: str
    organization_id: UUID
    project_id: UUID
    api_key_id: UUID | None
    currency: str
    amount: Decimal

    @property
    def holder(self) -> str:
        """Return what the wallet knows it by."""
        return HOLD + self.key


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a hold was not placed: what is free now, of credit or of the budget that is named."""

    free: Decimal
    budget: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held of one grant."""

    grant_id: UUID
    unit: Unit
    quantity: Decimal
    priority: int
    expires_at: datetime | None
    created_at: datetime


class _Short(Exception):
    """There is not enough."""

    def __init__(self, shortage: Shortage) -> None:
        self.shortage = shortage


def place(asked: Asked) -> Shortage | None:
    """Hold the amount once, whoever asks again; nothing is held where it is not all there."""
    return _run(lambda conn: _place(conn, asked))


def settle(key: str, settled: Settled) -> None:
    """Record what the work used, each once, paid by its hold; then return the rest of it."""

    async def record(conn: AsyncConnection[Any]) -> None:
        batch = [await _paid(conn, HOLD + key, settled)]
        await funds.record(conn, process_id=HOLD + key, batch=batch)
        await funds.reclaim(conn, process_id=HOLD + key)

    try:
        _run(record)
    except SerializationFailure:
        # The hour in which it began was closed meanwhile; by now it is another.
        _run(record)


def release(key: str) -> None:
    """Return all of the hold; where there is none, nothing happens."""
    _run(lambda conn: funds.reclaim(conn, process_id=HOLD + key))


async def _place(conn: AsyncConnection[Any], asked: Asked) -> Shortage | None:
    try:
        async with conn.transaction():
            await conn.execute(ONE_AT_A_TIME, [asked.holder])
            cursor = conn.cursor(row_factory=tuple_row)
            await cursor.execute(IS_PLACED, [asked.holder])
            if await cursor.fetchone() == (False,):
                await _take(conn, asked)
    except _Short as short:
        return short.shortage
    return None


async def _take(conn: AsyncConnection[Any], asked: Asked) -> None:
    facts = {
        "organization": asked.organization_id,
        "project": asked.project_id,
        "key": asked.api_key_id,
        "currency": asked.currency,
    }
    standings = await budgets.of_key(conn, facts, timezone.now())
    hard = [each for each in standings if each.terms.is_hard]
    wishes = [Wish(each.terms.id, each.span, asked.amount) for each in hard]
    leased = await funds.take_within(
        conn,
        process_id=asked.holder,
        organization_id=asked.organization_id,
        token_class_id=None,
        currency=asked.currency,
        money_needed=asked.amount,
        tokens_needed=ZERO,
        wishes=wishes,
    )
    if not budgets.are_met(wishes, leased.budgets):
        raise _Short(_shortest(hard, leased.budgets))
    if split(leased.grants, money=asked.amount, tokens=ZERO).uncovered:
        raise _Short(Shortage(sum((grant.quantity for grant in leased.grants), ZERO)))


def _shortest(hard: Sequence[Standing], leased: Sequence[budgets.LeasedBudget]) -> Shortage:
    names = {each.terms.id: each.terms.name for each in hard}
    least = min(leased, key=lambda it: it.quantity)
    return Shortage(least.quantity, names[least.budget_id])


async def _paid(conn: AsyncConnection[Any], holder: str, settled: Settled) -> Settled:
    """Return the usage with who pays for it: what is held, in burn order."""
    cursor = conn.cursor(row_factory=class_row(_Held))
    await cursor.execute(HELD, [holder])
    held = sorted(await cursor.fetchall(), key=_rank)
    windows = conn.cursor(row_factory=tuple_row)
    await windows.execute(WINDOWS, [holder])
    found = [window_id for (window_id,) in await windows.fetchall()]
    allocations = split(held, money=settled.amount, tokens=ZERO).allocations
    return msgspec.structs.replace(settled, allocations=list(allocations), budgets=found)


def _rank(held: _Held) -> tuple[Any, ...]:
    return burn_key(
        unit=held.unit,
        priority=held.priority,
        expires_at=held.expires_at,
        created_at=held.created_at,
        grant_id=held.grant_id,
    )


def _run(work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def run() -> T:
        conn: AsyncConnection[Any]
        async with await AsyncConnection.connect(**service_parameters(), autocommit=True) as conn:
            return await work(conn)

    return asyncio.run(run())
