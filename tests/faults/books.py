"""What PostgreSQL says after a run: the rows of usage and money, as they stand."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row


@dataclass
class Event:
    """A usage event."""

    organization: str
    event_id: str
    key_id: str
    occurred_at: datetime
    streamed: bool
    outcome: str
    estimated: bool
    input: int
    output: int


@dataclass
class Receipt:
    """What an event is worth, and what paid: grant, quantity, amount."""

    organization: str
    event_id: str
    amount: Decimal
    uncovered: Decimal
    split: list[dict[str, Any]]


@dataclass
class Grant:
    """An allotment of credit; ``taken_off`` is what expiry has booked of it."""

    id: str
    unit: str
    granted: Decimal
    remaining: Decimal
    leased: Decimal
    taken_off: Decimal


@dataclass
class Budget:
    """A hard budget and its one window; without a key it is the whole organization's."""

    organization: str
    key_id: str
    amount: Decimal
    spent: Decimal
    leased: Decimal


@dataclass
class Books:
    """All that the checker asks of PostgreSQL and of the journals' folder."""

    events: list[Event] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    #: What processes hold, by process.
    leases: dict[str, Decimal] = field(default_factory=dict)
    #: What the entries of each transaction sum up to.
    transactions: dict[str, Decimal] = field(default_factory=dict)
    #: What customers have in credit on the ledger.
    prepaid: Decimal = Decimal(0)
    #: The same sum twice: over the events or receipts, and over what is rolled up from them.
    rollups: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    conflicts: int = 0
    #: Journals whose processes are gone, and events that were set aside.
    journals_left: int = 0


EVENTS = """
SELECT organization_id::text AS organization, event_id, replace(api_key_id::text, '-', '') AS key_id,
    occurred_at, streamed, outcome, (policy->>'estimated')::boolean AS estimated,
    input_tokens + cached_input_tokens AS input, output_tokens + reasoning_tokens AS output
FROM metering_usageevent
"""
RECEIPTS = """
SELECT organization_id::text AS organization, event_id, amount, uncovered, split
FROM billing_ratedusage
"""
# Of tokens the ledger books their price alone: none expires in a run.
GRANTS = """
SELECT g.id::text AS id, unit, granted, remaining, leased, coalesce((
    SELECT sum(e.amount) FROM billing_ledgerentry e
    JOIN billing_ledgertransaction t ON t.id = e.transaction_id
    JOIN billing_ledgeraccount a ON a.id = e.account_id
    WHERE e.grant_id = g.id AND t.kind = 'expiry' AND a.kind = 'customer_prepaid'), 0) AS taken_off
FROM billing_creditgrant g
"""
BUDGETS = """
SELECT b.organization_id::text AS organization, b.amount, w.spent, w.leased,
    coalesce(replace(b.api_key_id::text, '-', ''), '') AS key_id
FROM billing_budgetwindow w JOIN billing_budget b ON b.id = w.budget_id
"""
LEASES = """
SELECT process_id, sum(quantity) FROM (
    SELECT process_id, quantity FROM billing_lease
    UNION ALL SELECT process_id, quantity FROM billing_budgetlease) leases
GROUP BY 1 HAVING sum(quantity) <> 0
"""
TRANSACTIONS = "SELECT transaction_id::text, sum(amount) FROM billing_ledgerentry GROUP BY 1"
PREPAID = """
SELECT coalesce(-sum(e.amount), 0) FROM billing_ledgerentry e
JOIN billing_ledgeraccount a ON a.id = e.account_id WHERE a.kind = 'customer_prepaid'
"""
CONFLICTS = "SELECT count(*) FROM metering_usageconflict"
TOKENS = "input_tokens + cached_input_tokens + output_tokens + reasoning_tokens"
#: By name: what is summed up over the facts, and over what is rolled up from them.
SUMS = {
    "requests by quarter-hour": (
        "SELECT count(*) FROM metering_usageevent",
        "SELECT sum(requests) FROM metering_usagebucket",
    ),
    "tokens by quarter-hour": (
        f"SELECT sum({TOKENS}) FROM metering_usageevent",
        f"SELECT sum({TOKENS}) FROM metering_usagebucket",
    ),
    "tokens by day": (
        f"SELECT sum({TOKENS}) FROM metering_usageevent",
        f"SELECT sum({TOKENS}) FROM metering_usageday",
    ),
    "tokens by price": (
        f"SELECT sum({TOKENS}) FROM metering_usageevent",
        "SELECT sum(tokens) FROM billing_pricedbucket",
    ),
    "worth by quarter-hour": (
        "SELECT sum(amount) FROM billing_ratedusage",
        "SELECT sum(amount) FROM billing_spendbucket",
    ),
    "worth by day": (
        "SELECT sum(amount) FROM billing_ratedusage",
        "SELECT sum(amount) FROM billing_spendday",
    ),
}


def read(keywords: dict[str, Any], journals: Path) -> Books:
    """Read all of it, as the service role may."""
    with psycopg.connect(**keywords) as connection:

        def rows(kind: Any, query: str) -> list[Any]:
            return connection.cursor(row_factory=class_row(kind)).execute(query).fetchall()

        def one(query: str) -> Any:
            return (connection.execute(query).fetchone() or (0,))[0] or 0

        return Books(
            events=rows(Event, EVENTS),
            receipts=rows(Receipt, RECEIPTS),
            grants=rows(Grant, GRANTS),
            budgets=rows(Budget, BUDGETS),
            leases=dict(connection.execute(LEASES).fetchall()),
            transactions=dict(connection.execute(TRANSACTIONS).fetchall()),
            prepaid=one(PREPAID),
            rollups={name: (one(facts), one(sums)) for name, (facts, sums) in SUMS.items()},
            conflicts=one(CONFLICTS),
            journals_left=_left(journals),
        )


def _left(journals: Path) -> int:
    aside = journals / "refused.jsonl"
    refused = len(aside.read_bytes().splitlines()) if aside.exists() else 0
    return len(list(journals.glob("*.journal"))) + refused
