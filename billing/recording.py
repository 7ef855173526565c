"""Writes a batch of usage and its worth in one transaction, each event once."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from billing import booking, purses
from billing.booking import Posting
from billing.models import AccountKind
from billing.purses import Paid, Purse
from billing.settlement import Recorded, Settled
from common.ids import uuid7
from metering.services import aggregation, ingestion
from metering.services.rows import as_json

INSERT_RATED_USAGE = """
INSERT INTO billing_ratedusage (
    id, organization_id, source, event_id, price_ids, amounts, amount, currency, split, uncovered,
    occurred_at, recorded_at)
SELECT
    id, organization_id, source, event_id, price_ids, amounts, amount, currency, split, uncovered,
    occurred_at, now()
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, source text, event_id text, price_ids jsonb, amounts jsonb,
    amount numeric, currency text, split jsonb, uncovered numeric, occurred_at timestamptz)
"""
ADD_TO_BUCKETS = """
INSERT INTO billing_spendbucket AS bucket (
    id, organization_id, starts_at, project_id, api_key_id, offer_name, currency, requests, amount,
    uncovered)
SELECT
    id, organization_id, starts_at, project_id, api_key_id, offer_name, currency, requests, amount,
    uncovered
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, starts_at timestamptz, project_id uuid, api_key_id uuid,
    offer_name text, currency text, requests bigint, amount numeric, uncovered numeric)
ORDER BY organization_id, starts_at, project_id, api_key_id, offer_name, currency
ON CONFLICT (organization_id, starts_at, project_id, api_key_id, offer_name, currency)
DO UPDATE SET requests = bucket.requests + excluded.requests,
    amount = bucket.amount + excluded.amount,
    uncovered = bucket.uncovered + excluded.uncovered
"""
ADD_TO_PRICED_BUCKETS = """
INSERT INTO billing_pricedbucket AS bucket (
    id, organization_id, starts_at, offer_name, token_part, price_id, tokens)
SELECT id, organization_id, starts_at, offer_name, token_part, price_id, tokens
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, starts_at timestamptz, offer_name text, token_part text,
    price_id uuid, tokens bigint)
ORDER BY organization_id, starts_at, offer_name, token_part, price_id
ON CONFLICT (organization_id, starts_at, offer_name, token_part, price_id)
DO UPDATE SET tokens = bucket.tokens + excluded.tokens
"""


async def record(
    conn: AsyncConnection[Any], *, process_id: str, batch: Sequence[Settled]
) -> Recorded:
    """Write usage and its worth, use up what was leased for it and book it: each event once.

    Recording the same batch again, whole or in pieces, changes nothing.
    """
    # Sent one behind the other, without waiting for answers that nothing depends on.
    async with conn.pipeline(), conn.transaction():
        intake = await ingestion.record(conn, [settled.event() for settled in batch])
        new = list({s.key: s for s in reversed(batch) if s.key in intake.accepted}.values())[::-1]
        if new:
            await _settle(conn, process_id, new, intake.accepted)
    return Recorded(
        frozenset(key.event_id for key in intake.accepted),
        frozenset(key.event_id for key in intake.conflicts),
    )


async def _settle(
    conn: AsyncConnection[Any],
    process_id: str,
    new: Sequence[Settled],
    ids: dict[ingestion.EventKey, UUID],
) -> None:
    grants = [allocation.grant_id for settled in new for allocation in settled.allocations]
    held = await purses.lock(conn, process_id, grants)
    paid = [purses.pay(settled, held) for settled in new]
    await purses.store(conn, process_id, held)
    await conn.execute(INSERT_RATED_USAGE, [as_json([_rated(p, ids) for p in paid])])
    await booking.book(conn, _operations(paid, held))
    await aggregation.add(conn, [settled.event() for settled in new])
    await conn.execute(ADD_TO_BUCKETS, [as_json(_spend(paid))])
    await conn.execute(ADD_TO_PRICED_BUCKETS, [as_json(_priced(new))])


def _rated(paid: Paid, ids: dict[ingestion.EventKey, UUID]) -> dict[str, Any]:
    settled = paid.settled
    return {
        "id": ids[settled.key],
        "organization_id": settled.organization_id,
        "source": settled.source,
        "event_id": settled.event_id,
        "price_ids": settled.price_ids,
        "amounts": settled.amounts,
        "amount": settled.amount,
        "currency": settled.currency,
        "split": [
            {"grant": a.grant_id, "quantity": a.quantity, "amount": a.amount} for a in paid.split
        ],
        "uncovered": paid.uncovered,
        "occurred_at": settled.occurred_at,
    }


def _operations(paid: Sequence[Paid], held: purses.Purses) -> list[booking.Operation]:
    """Return one ledger operation per organization: what its grants paid, and what it owes."""
    keys: dict[UUID, list[str]] = {}
    postings: dict[UUID, list[Posting]] = {}
    for one in paid:
        settled = one.settled
        keys.setdefault(settled.organization_id, []).append(f"{settled.source} {settled.event_id}")
        postings.setdefault(settled.organization_id, []).extend(
            _pair(AccountKind.RECEIVABLE, AccountKind.REVENUE, settled.currency, one.uncovered)
        )
    for purse in held.values():
        if purse.used:
            postings[purse.organization_id].extend(_usage(purse))
    return [
        booking.Operation(organization, _operation_key(keys[organization]), "usage", tuple(entries))
        for organization, entries in sorted(postings.items())
    ]


def _pair(
    debit: AccountKind,
    credit: AccountKind,
    currency: str,
    amount: Decimal,
    grant: UUID | None = None,
) -> list[Posting]:
    return [Posting(debit, currency, amount, grant), Posting(credit, currency, -amount, grant)]


def _usage(purse: Purse) -> list[Posting]:
    """Revenue is what was paid for the used part; the face value beyond it was a gift."""
    earned, currency = purse.recognized, purse.currency
    if purse.unit == "tokens":
        source = AccountKind.DEFERRED_REVENUE
        return _pair(source, AccountKind.REVENUE, currency, earned, purse.id)
    source = AccountKind.CUSTOMER_PREPAID
    return [
        *_pair(source, AccountKind.REVENUE, currency, earned, purse.id),
        *_pair(source, AccountKind.ADJUSTMENTS, currency, purse.used - earned, purse.id),
    ]


def _operation_key(keys: Iterable[str]) -> str:
    return "usage:" + hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    amount: Decimal = Decimal(0)
    uncovered: Decimal = Decimal(0)


def _spend(paid: Iterable[Paid]) -> list[dict[str, Any]]:
    sums: dict[tuple[UUID, datetime, UUID, UUID | None, str, str], _Sum] = {}
    for one in paid:
        s = one.settled
        key = (
            s.organization_id,
            aggregation.quarter(s.occurred_at),
            s.project_id,
            s.api_key_id,
            s.offer_name,
            s.currency,
        )
        bucket = sums.setdefault(key, _Sum())
        bucket.requests += 1
        bucket.amount += s.amount
        bucket.uncovered += one.uncovered
    names = ("organization_id", "starts_at", "project_id", "api_key_id", "offer_name", "currency")
    return [
        {
            "id": uuid7(),
            **dict(zip(names, key, strict=True)),
            "requests": bucket.requests,
            "amount": bucket.amount,
            "uncovered": bucket.uncovered,
        }
        for key, bucket in sums.items()
    ]


def _priced(new: Iterable[Settled]) -> list[dict[str, Any]]:
    sums: dict[tuple[UUID, datetime, str, str, UUID | None], int] = {}
    for s in new:
        starts_at = aggregation.quarter(s.occurred_at)
        for part, tokens in s.parts.items():
            if tokens:
                key = (s.organization_id, starts_at, s.offer_name, part, s.price_of(part))
                sums[key] = sums.get(key, 0) + tokens
    names = ("organization_id", "starts_at", "offer_name", "token_part", "price_id")
    return [
        {"id": uuid7(), **dict(zip(names, key, strict=True)), "tokens": tokens}
        for key, tokens in sums.items()
    ]
