"""What all customers used in any days (UTC), as the difference of two running totals.

Exact at any moment: days that have no totals, or that changed since they were made, are read as they
stand, in the same statement. Read as the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from common.database import rows
from metering.models import TOKEN_PARTS

ZERO = Decimal(0)
#: Days from the first (in) to the second (out).
Days = tuple[date, date]
#: The same, of what: a currency, what is counted without one, or all of it.
Asked = tuple[date, date, str | None]
TOKENS = " + ".join(f"{part}_tokens" for part in TOKEN_PARTS)
# From the first day that is totalled to the last before which nothing changed since.
KNOWN = """
known AS (
    SELECT min(day) AS first, least(
        (SELECT min(day) FROM billing_lateday), min(day) FILTER (WHERE NOT is_current), max(day) + 1
    ) - 1 AS last FROM billing_totalledday
)
"""
BESIDE = """
SELECT name, {key}, {counts} FROM beside JOIN {table} ON day >= start AND day < until
WHERE {which}
"""
OF_USAGE = {
    "table": "metering_usageday",
    "counts": f"'', requests, {TOKENS}, 0",
    "which": "coalesce(of, '') = ''",
}
OF_SPENDING = {
    "table": "billing_spendday",
    "counts": "currency, requests, 0, amount",
    "which": "coalesce(of, currency) = currency",
}
TOTALS = """
SELECT name, {column}, t.currency, sign * requests, sign * tokens, sign * amount
FROM edges JOIN billing_runningtotal t ON day_id = day AND {column} IS NOT NULL
    AND (edges.currency IS NULL OR t.currency = edges.currency)
"""
# What is read beside the totals: the days after the last of them, and any before the first. Bounds that
# stand in one row are looked up in an index; computed in the condition, they would not be.
MOVED = """
WITH {known},
asked(name, start, until, currency) AS (
    SELECT * FROM unnest(%(names)s::text[], %(starts)s::date[], %(ends)s::date[], %(of)s::text[])
),
edges(name, currency, day, sign) AS MATERIALIZED (
    SELECT name, currency, least(until - 1, last), 1
    FROM asked CROSS JOIN known WHERE start <= last
    UNION ALL
    SELECT name, currency, start - 1, -1 FROM asked CROSS JOIN known WHERE start <= last
),
beside(name, of, start, until) AS MATERIALIZED (
    SELECT name, currency, greatest(start, last + 1), until FROM asked CROSS JOIN known
    UNION ALL
    SELECT name, currency, start, least(until, first)
    FROM asked CROSS JOIN known WHERE first IS NOT NULL
),
moved(name, key, currency, requests, tokens, amount) AS ({parts})
"""
SUMS = """
SELECT name, key, currency, sum(requests)::bigint AS requests, sum(tokens)::bigint AS tokens,
    sum(amount) AS amount
FROM moved GROUP BY name, key, currency HAVING sum(requests) <> 0 OR sum(amount) <> 0
"""
# Everybody is summed up, and of the few that are shown the names are told. Of two that are equal the
# first by name comes first, and last among those that grew.
RANKED = """
, sums AS (
    SELECT key,
        coalesce(sum(requests) FILTER (WHERE name = 'now'), 0) AS now_requests,
        coalesce(sum(tokens) FILTER (WHERE name = 'now'), 0) AS now_tokens,
        coalesce(sum(requests) FILTER (WHERE name = 'before'), 0) AS before_requests,
        coalesce(sum(tokens) FILTER (WHERE name = 'before'), 0) AS before_tokens,
        coalesce(sum(requests) FILTER (WHERE name = 'broken'), 0) AS broken_requests,
        coalesce(sum(requests) FILTER (WHERE name = 'shown'), 0) AS requests,
        coalesce(sum(amount) FILTER (WHERE name = 'shown'), 0) AS worth,
        coalesce(sum(amount) FILTER (WHERE name = 'whole'), 0) AS whole,
        coalesce(sum(amount) FILTER (WHERE name = 'whole_before'), 0) AS before
    FROM moved GROUP BY key
),
ranked AS (
    SELECT o.name AS label, o.slug, sums.*,
        sum(now_requests) OVER () AS all_now_requests,
        sum(now_tokens) OVER () AS all_now_tokens,
        sum(before_requests) OVER () AS all_before_requests,
        sum(before_tokens) OVER () AS all_before_tokens,
        count(*) FILTER (WHERE now_requests > 0) OVER () AS here,
        count(*) FILTER (WHERE before_requests + broken_requests > 0) OVER () AS there,
        count(*) FILTER (
            WHERE now_requests > 0 AND before_requests + broken_requests > 0) OVER () AS stayed,
        row_number() OVER (ORDER BY worth DESC, o.name COLLATE "C") AS top,
        row_number() OVER (ORDER BY whole - before DESC, worth, o.name COLLATE "C" DESC) AS up,
        row_number() OVER (ORDER BY whole - before, worth DESC, o.name COLLATE "C") AS down
    FROM sums JOIN tenants_organization o ON o.id = key
)
SELECT * FROM ranked WHERE top <= %(most)s OR up <= %(most)s OR down <= %(most)s
"""
COLUMNS = {"customer": "organization_id", "offer_name": "offer_name"}
BY_DAY = f"""
WITH {KNOWN},
totals AS (
    SELECT day_id AS day, amount - coalesce(lag(amount) OVER (ORDER BY day_id), 0) AS amount
    FROM billing_runningtotal CROSS JOIN known
    WHERE customer IS NULL AND offer_name IS NULL AND currency = %(currency)s
        AND day_id >= %(start)s::date - 1 AND day_id < %(until)s AND day_id <= last
),
beside(start, until) AS MATERIALIZED (
    SELECT greatest(%(start)s::date, last + 1), %(until)s::date FROM known
    UNION ALL
    SELECT %(start)s::date, least(%(until)s::date, first) FROM known WHERE first IS NOT NULL
)
SELECT day, amount FROM totals WHERE day >= %(start)s
UNION ALL
SELECT day, sum(amount) FROM beside JOIN billing_spendday ON day >= start AND day < until
WHERE currency = %(currency)s GROUP BY day
"""  # noqa: S608 - the names are the house's own
# Of a day whose quarters are summed up and that has not changed since, or else of all buckets.
OF_QUARTERS = f"""
WITH told AS (
    SELECT EXISTS (SELECT FROM billing_totalledday WHERE day = %(day)s)
        AND NOT EXISTS (SELECT FROM billing_lateday WHERE day = %(day)s) AS is_told
),
parts AS (
    SELECT currency, requests, tokens, amount FROM billing_quartertotal
    WHERE (SELECT is_told FROM told) AND starts_at >= %(start)s AND starts_at < %(until)s
    UNION ALL
    SELECT '', requests, {TOKENS}, 0 FROM metering_usagebucket
    WHERE NOT (SELECT is_told FROM told) AND starts_at >= %(start)s AND starts_at < %(until)s
        AND organization_id IN (SELECT id FROM tenants_organization)
    UNION ALL
    SELECT currency, requests, 0, amount FROM billing_spendbucket
    WHERE NOT (SELECT is_told FROM told) AND starts_at >= %(start)s AND starts_at < %(until)s
        AND organization_id IN (SELECT id FROM tenants_organization)
)
SELECT coalesce(sum(requests) FILTER (WHERE currency = ''), 0)::bigint AS requests,
    coalesce(sum(tokens), 0)::bigint AS tokens,
    coalesce(sum(amount) FILTER (WHERE currency = %(currency)s), 0) AS amount
FROM parts
"""  # noqa: S608 - the names are the house's own


@dataclass(frozen=True, slots=True)
class Used:
    """Requests, and their tokens or what they were worth."""

    requests: int = 0
    tokens: int = 0
    amount: Decimal = ZERO


#: By the name of the days, then by whose it is and its currency; without one, tokens are counted.
Found = Mapping[str, Mapping[tuple[str, str], Used]]


def by_model(asked: Mapping[str, Asked]) -> Found:
    """Return what was used of each model in each of these days; one query."""
    found: dict[str, dict[tuple[str, str], Used]] = {name: {} for name in asked}
    for it in rows(_moved("offer_name") + SUMS, _facts(asked)):
        used = Used(it["requests"], it["tokens"], it["amount"])
        found[it["name"]][it["key"], it["currency"]] = used
    return found


def of_customers(
    counted: Mapping[str, Days], paid: Mapping[str, Days], currency: str, most: int
) -> list[dict[str, Any]]:
    """Return so many customers of each kind: with the most worth, those that grew and that shrank.

    With each stand the sums over all customers; see the query. ``counted`` names the days ``now``,
    ``before`` and ``broken``, ``paid`` those ``shown``, ``whole`` and ``whole_before``. One query.
    """
    asked = {name: (*days, "") for name, days in counted.items()}
    asked |= {name: (*days, currency) for name, days in paid.items()}
    return rows(_moved("customer") + RANKED, {**_facts(asked), "most": most})


def _moved(column: Literal["customer", "offer_name"]) -> str:
    """Return the beginning of a statement: what moved by a customer, or of a model."""
    key = COLUMNS[column]
    parts = (
        TOTALS.format(column=column),
        BESIDE.format(key=key, **OF_USAGE),
        BESIDE.format(key=key, **OF_SPENDING),
    )
    return MOVED.format(known=KNOWN, parts=" UNION ALL ".join(parts))


def _facts(asked: Mapping[str, Asked]) -> dict[str, Any]:
    starts, ends, currencies = zip(*asked.values(), strict=True)
    return {
        "names": list(asked),
        "starts": list(starts),
        "ends": list(ends),
        "of": list(currencies),
    }


def worth_by_day(days: Days, currency: str) -> dict[date, Decimal]:
    """Return what each of these days was worth in a currency; one query."""
    facts = {"start": days[0], "until": days[1], "currency": currency}
    return {it["day"]: it["amount"] for it in rows(BY_DAY, facts)}


def of_quarters(start: datetime, until: datetime, currency: str) -> Used:
    """Return what was used in the quarters of an hour that begin in a part of a day; one query.

    The amount is what was worth something in the currency.
    """
    facts = {"day": start.date(), "start": start, "until": until, "currency": currency}
    (found,) = rows(OF_QUARTERS, facts)
    return Used(found["requests"], found["tokens"], found["amount"])
