"""Ledger operations as plain values, and the SQL that appends them for the recorder."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from billing.models import AccountKind
from common.ids import uuid7
from metering.services.rows import as_json


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on one account: debits are positive, credits negative."""

    account: AccountKind
    currency: str
    amount: Decimal
    grant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What is booked as one transaction, once per key."""

    organization_id: UUID
    key: str
    kind: str
    postings: tuple[Posting, ...]
    memo: str = ""

    def merged(self) -> list[Posting]:
        """Return one posting per account and grant, without zeros."""
        sums: dict[tuple[AccountKind, str, UUID | None], Decimal] = {}
        for posting in self.postings:
            place = (posting.account, posting.currency, posting.grant_id)
            sums[place] = sums.get(place, Decimal(0)) + posting.amount
        return [Posting(a, c, amount, g) for (a, c, g), amount in sums.items() if amount]


OPEN_ACCOUNTS = """
INSERT INTO billing_ledgeraccount (id, organization_id, kind, currency)
SELECT id, organization_id, kind, currency FROM jsonb_to_recordset(%s::jsonb)
    AS new(id uuid, organization_id uuid, kind text, currency text)
ORDER BY organization_id, kind, currency
ON CONFLICT DO NOTHING
"""
ACCOUNTS = """
SELECT organization_id, kind, currency, id FROM billing_ledgeraccount
WHERE organization_id = ANY(%s)
"""
INSERT_TRANSACTIONS = """
INSERT INTO billing_ledgertransaction (
    id, organization_id, operation_key, kind, memo, recorded_at)
SELECT id, organization_id, operation_key, kind, '', now()
FROM jsonb_to_recordset(%s::jsonb)
    AS new(id uuid, organization_id uuid, operation_key text, kind text)
"""
INSERT_ENTRIES = """
INSERT INTO billing_ledgerentry (
    id, organization_id, transaction_id, account_id, grant_id, amount)
SELECT id, organization_id, transaction_id, account_id, grant_id, amount
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, transaction_id uuid, account_id uuid, grant_id uuid,
    amount numeric)
"""

Place = tuple[UUID, str, str]


async def book(conn: AsyncConnection[Any], operations: Sequence[Operation]) -> None:
    """Append the operations that move something. Part of the caller's transaction."""
    merged = [(operation, operation.merged()) for operation in operations]
    moving = [(operation, postings) for operation, postings in merged if postings]
    if not moving:
        return
    places = {(o.organization_id, p.account.value, p.currency) for o, ps in moving for p in ps}
    accounts = await _accounts(conn, places)
    transactions: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for operation, postings in moving:
        owner = {"organization_id": operation.organization_id}
        number = uuid7()
        transactions.append(
            {"id": number, **owner, "operation_key": operation.key, "kind": operation.kind}
        )
        entries.extend(
            {
                "id": uuid7(),
                **owner,
                "transaction_id": number,
                "account_id": accounts[operation.organization_id, p.account.value, p.currency],
                "grant_id": p.grant_id,
                "amount": p.amount,
            }
            for p in postings
        )
    await conn.execute(INSERT_TRANSACTIONS, [as_json(transactions)])
    await conn.execute(INSERT_ENTRIES, [as_json(entries)])


async def _accounts(conn: AsyncConnection[Any], places: set[Place]) -> dict[Place, UUID]:
    """Return the accounts' ids; opens those that are missing."""
    known = await _known_accounts(conn, places)
    if missing := places - known.keys():
        rows = [
            {"id": uuid7(), "organization_id": o, "kind": k, "currency": c} for o, k, c in missing
        ]
        await conn.execute(OPEN_ACCOUNTS, [as_json(rows)])
        known = await _known_accounts(conn, places)
    return known


async def _known_accounts(conn: AsyncConnection[Any], places: set[Place]) -> dict[Place, UUID]:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(ACCOUNTS, [sorted({organization for organization, _, _ in places})])
        return {(row[0], row[1], row[2]): row[3] for row in await cursor.fetchall()}
