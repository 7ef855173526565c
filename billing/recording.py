"""Writes a batch of usage and its worth in one transaction, each event once."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from billing import booking, budgets, purses
from billing.booking import Posting
from billing.counted import GPU_HOURS, REQUESTS
from billing.models import AccountKind
from billing.purses import Paid, Purse
from billing.settlement import Recorded, Settled
from marketplace.models import FALLBACK
from metering.models import GPU_SECONDS, TOKEN_PARTS
from metering.services import aggregation, ingestion, measuring, rows
from metering.services.aggregation import QUARTER
from metering.services.ingestion import PARTS
from metering.services.rows import Column

#: What a new event and its worth say, by the columns they come in.
_FACTS = (
    "id", "organization_id", "source", "event_id", "project_id", "api_key_id", "offer_name",
    "price_ids", *PARTS, "multipliers", "amounts", "amount", "currency", "split", "uncovered", "occurred_at",
)  # fmt: skip
_SPEND_KEY = "organization_id, starts_at, project_id, api_key_id, offer_name, currency"
_PRICED_KEY = "organization_id, starts_at, offer_name, token_part, price_id, multiplier"
#: Each part with its tokens and its price; see :meth:`Settled.price_of`.
_PRICES = {part: f"price_ids->>'{part}'" for part in TOKEN_PARTS} | {
    part: f"coalesce(price_ids->>'{part}', price_ids->>'{twin}')" for part, twin in FALLBACK.items()
}
_USED = ", ".join(f"('{part}', {part}_tokens, {price})" for part, price in _PRICES.items())
# Where requests have a price, each is one of them.
_USED += (
    f", ('{REQUESTS}', CASE WHEN price_ids ? '{REQUESTS}' THEN 1 END, price_ids->>'{REQUESTS}')"
)
_GPUS_USED = f", ('{GPU_HOURS}', {GPU_SECONDS}, price_ids->>'{GPU_HOURS}')"


# Buckets in the order of their keys: two recorders that touch the same ones wait, not deadlock.
# All in one statement: the columns are sent and read once.
def _write(facts: Sequence[str], used: str) -> str:
    return f"""
WITH new AS MATERIALIZED (
    SELECT {", ".join(facts)}, {QUARTER} AS starts_at, amount::numeric AS worth,
        uncovered::numeric AS owed
    FROM unnest({", ".join(f"%({name})s" for name in facts)}) AS given({", ".join(facts)})
), rated AS (
    INSERT INTO billing_ratedusage (
        id, organization_id, source, event_id, price_ids, amounts, amount, currency, split,
        uncovered, occurred_at, recorded_at)
    SELECT id, organization_id, source, event_id, price_ids, amounts, worth, currency, split,
        owed, occurred_at, now()
    FROM new
), spent AS (
    INSERT INTO billing_spendbucket AS bucket (id, {_SPEND_KEY}, requests, amount, uncovered)
    SELECT gen_random_uuid(), {_SPEND_KEY}, count(*), sum(worth), sum(owed)
    FROM new GROUP BY {_SPEND_KEY} ORDER BY {_SPEND_KEY}
    ON CONFLICT ({_SPEND_KEY}) DO UPDATE SET requests = bucket.requests + excluded.requests,
        amount = bucket.amount + excluded.amount,
        uncovered = bucket.uncovered + excluded.uncovered
)
INSERT INTO billing_pricedbucket AS bucket (id, {_PRICED_KEY}, tokens)
SELECT gen_random_uuid(), organization_id, starts_at, offer_name, token_part,
    price::uuid AS price_id, coalesce((multipliers->>token_part)::numeric, 1) AS multiplier,
    sum(tokens)
FROM new CROSS JOIN LATERAL (VALUES {used}) AS used(token_part, tokens, price)
WHERE tokens <> 0 GROUP BY {_PRICED_KEY} ORDER BY {_PRICED_KEY}
ON CONFLICT ({_PRICED_KEY}) DO UPDATE SET tokens = bucket.tokens + excluded.tokens
"""  # noqa: S608 - the names are this module's own


WRITE = _write(_FACTS, _USED)
#: The same for batches that know of time on GPUs; see :mod:`metering.services.ingestion`.
WRITE_WITH_GPUS = _write((*_FACTS, GPU_SECONDS), _USED + _GPUS_USED)

#: Finds who pays for requests that nothing was leased for; see :mod:`billing.free_credit`.
Fund = Callable[[AsyncConnection[Any], Sequence[Settled]], Awaitable[Sequence[Settled]]]


async def record(
    conn: AsyncConnection[Any],
    *,
    process_id: str,
    batch: Sequence[Settled],
    fund: Fund | None = None,
) -> Recorded:
    """Write usage and its worth, use up what was leased for it and book it: each event once.

    Recording the same batch again, whole or in pieces, changes nothing. ``fund`` is asked for the
    new ones only, so that nothing is paid twice.
    """
    # Sent one behind the other, without waiting for answers that nothing depends on.
    async with conn.pipeline(), conn.transaction():
        intake = await ingestion.record(conn, [settled.event() for settled in batch])
        new: Sequence[Settled] = [batch[place] for place in intake.places]
        if new and fund:
            new = await fund(conn, new)
        if new:
            await _settle(conn, process_id, new, intake.columns)
    return Recorded(
        frozenset(settled.event_id for settled in new),
        frozenset(key.event_id for key in intake.conflicts),
        intake.places,
        intake.wrong,
    )


async def _settle(
    conn: AsyncConnection[Any],
    process_id: str,
    new: Sequence[Settled],
    usage: Mapping[str, Column],
) -> None:
    grants = [allocation.grant_id for settled in new for allocation in settled.allocations]
    held = await purses.lock(conn, process_id, grants)
    paid = [purses.pay(settled, held) for settled in new]
    await purses.store(conn, process_id, held)
    await budgets.spend(conn, process_id, new)
    await booking.book(conn, _operations(paid, held))
    await aggregation.add(conn, usage)
    await measuring.add(conn, usage)
    write = WRITE_WITH_GPUS if GPU_SECONDS in usage else WRITE
    await conn.execute(write, {**usage, **_worth(paid)})


def _worth(paid: Sequence[Paid]) -> dict[str, Column]:
    """Return what stands beside the usage, by columns."""
    return {
        "multipliers": rows.documents([one.settled.multipliers for one in paid]),
        "amounts": rows.documents([one.settled.amounts for one in paid]),
        "amount": rows.texts([str(one.amount) for one in paid]),
        "currency": rows.texts([one.settled.currency for one in paid]),
        "split": rows.documents([_split(one) for one in paid]),
        "uncovered": rows.texts([str(one.uncovered) for one in paid]),
    }


def _split(paid: Paid) -> list[dict[str, Any]]:
    return [{"grant": a.grant_id, "quantity": a.quantity, "amount": a.amount} for a in paid.split]


def _operations(paid: Sequence[Paid], held: purses.Purses) -> list[booking.Operation]:
    """Return one ledger operation per organization: what its grants paid, and what it owes."""
    keys: dict[UUID, list[str]] = {}
    postings: dict[UUID, list[Posting]] = {}
    for one in paid:
        settled = one.settled
        keys.setdefault(settled.organization_id, []).append(f"{settled.source} {settled.event_id}")
        owed = postings.setdefault(settled.organization_id, [])
        if one.uncovered:
            owed += _pair(
                AccountKind.RECEIVABLE, AccountKind.REVENUE, settled.currency, one.uncovered
            )
    for purse in held.values():
        # What was used of a limit is owed, and stands above.
        if purse.used and not purse.is_limit:
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
