"""What all customers used in any days (UTC), as the difference of two running totals.

Exact at any moment: days that have no totals, or that changed since they were made, are read as they
stand, in the same statement. Read as the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

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
OF_MODELS = """
SELECT name, offer_name, t.currency, sign * requests, sign * tokens, sign * amount
FROM edges JOIN billing_runningtotal t ON day_id = day AND t.currency = edges.currency
    AND customer IS NULL AND offer_name IS NOT NULL
UNION ALL
SELECT name, offer_name, t.currency, sign * requests, sign * tokens, sign * amount
FROM edges JOIN billing_runningtotal t ON day_id = day AND edges.currency IS NULL
    AND customer IS NULL AND offer_name IS NOT NULL
"""
# What is read beside the totals: the days after the last of them, and any before the first. Bounds that
# stand in one row are looked up in an index; computed in the condition, they would not be.
ASKED = f"""
WITH {KNOWN},
asked(name, start, until, currency) AS (
    SELECT * FROM unnest(%(names)s::text[], %(starts)s::date[], %(ends)s::date[], %(of)s::text[])
),
edges(name, currency, day, sign) AS MATERIALIZED (
    SELECT name, currency, least(until - 1, last), 1 FROM asked CROSS JOIN known
    UNION ALL
    SELECT name, currency, least(start - 1, last), -1 FROM asked CROSS JOIN known
),
beside(name, of, start, until) AS MATERIALIZED (
    SELECT name, currency, greatest(start, last + 1), until FROM asked CROSS JOIN known
    UNION ALL
    SELECT name, currency, start, least(until, first)
    FROM asked CROSS JOIN known WHERE first IS NOT NULL
)
"""  # noqa: S608 - the names are the house's own
BY_MODEL = f"""
{ASKED},
moved(name, key, currency, requests, tokens, amount) AS (
    {OF_MODELS}
    UNION ALL {BESIDE.format(key="offer_name", **OF_USAGE)}
    UNION ALL {BESIDE.format(key="offer_name", **OF_SPENDING)}
)
SELECT name, key, currency, sum(requests)::bigint AS requests, sum(tokens)::bigint AS tokens,
    sum(amount) AS amount
FROM moved GROUP BY name, key, currency HAVING sum(requests) <> 0 OR sum(amount) <> 0
"""  # noqa: S608 - the names are the house's own
# What is told of a customer: a column, until an edge of days and from one on; see `Beside`.
COUNTED = {
    "now_requests": ("requests", "now_until", "now_start"),
    "now_tokens": ("tokens", "now_until", "now_start"),
    "before_requests": ("requests", "before_until", "before_start"),
    "before_tokens": ("tokens", "before_until", "before_start"),
    "broken_requests": ("requests", "broken_until", "before_until"),
}
PAID = {
    "requests": ("requests", "shown_until", "shown_start"),
    "worth": ("amount", "shown_until", "shown_start"),
    "whole": ("amount", "whole_until", "shown_start"),
    "before": ("amount", "whole_before_until", "whole_before_start"),
}
# Whoever used anything until any of the edges stands in the totals of the last, the first one named.
# All lie in the order of customers, so that they are read along together.
OF_CUSTOMERS = """
SELECT {last}.customer AS key, {columns}
FROM billing_runningtotal {last} {joined}
WHERE {last}.day_id = {day} AND {last}.currency = {currency} AND {last}.customer IS NOT NULL
"""
DIFFERENCE = "coalesce({until}.{column}, 0) - coalesce({start}.{column}, 0) AS {told}"
JOINED = """
LEFT JOIN billing_runningtotal {edge} ON {edge}.day_id = {day}
    AND {edge}.currency = {currency} AND {edge}.customer = {last}.customer
"""
EDGE = "(SELECT day FROM edges WHERE name = '{name}' AND sign = {sign})"
SIGNS = {"until": 1, "start": -1}
# The same of what is read beside the totals.
OF_CUSTOMERS_BESIDE = """
SELECT organization_id AS key, {columns}
FROM beside JOIN {table} ON day >= start AND day < until
WHERE {which} GROUP BY organization_id
"""
SUM = "sum({column}) FILTER (WHERE name = '{name}') AS {told}"
#: What is told, and how.
Told = Mapping[str, tuple[str, str, str]]


def _from_totals(told: Told, currency: str) -> str:
    last, *others = dict.fromkeys(edge for _column, *edges in told.values() for edge in edges)
    columns = (
        DIFFERENCE.format(told=name, column=column, until=until, start=start)
        for name, (column, until, start) in told.items()
    )
    joined = (
        JOINED.format(edge=edge, day=_day(edge), currency=currency, last=last) for edge in others
    )
    return OF_CUSTOMERS.format(
        last=last,
        day=_day(last),
        currency=currency,
        columns=", ".join(columns),
        joined="".join(joined),
    )


def _day(edge: str) -> str:
    name, _, kind = edge.rpartition("_")
    return EDGE.format(name=name, sign=SIGNS[kind])


def _from_days(told: Told, table: str, which: str, meant: Mapping[str, str]) -> str:
    columns = (
        SUM.format(told=name, column=meant.get(column, column), name=until.removesuffix("_until"))
        for name, (column, until, _start) in told.items()
    )
    return OF_CUSTOMERS_BESIDE.format(table=table, which=which, columns=", ".join(columns))


def _together(told: Told, one: str, other: str, of: str) -> str:
    both = "(coalesce({one}.{told}, 0) + coalesce({other}.{told}, 0)){of} AS {told}"
    return ", ".join(both.format(one=one, other=other, told=name, of=of) for name in told)


# Everybody is summed up, and of the few that are shown the names are told. Of two that are equal the
# first by name comes first, and last among those that grew.
RANKED = f"""
{ASKED},
counted AS ({_from_totals(COUNTED, "''")}),
paid AS ({_from_totals(PAID, "%(currency)s")}),
used AS ({_from_days(COUNTED, "metering_usageday", "of = ''", {"tokens": TOKENS})}),
spent AS ({
    _from_days(PAID, "billing_spendday", "of = %(currency)s AND currency = %(currency)s", {})
}),
moved AS (
    SELECT key, {_together(COUNTED, "counted", "used", "::bigint")},
        {_together(PAID, "paid", "spent", "")}
    FROM counted FULL JOIN paid USING (key) FULL JOIN used USING (key) FULL JOIN spent USING (key)
),
sums AS MATERIALIZED (
    SELECT o.name AS label, o.slug, moved.* FROM moved JOIN tenants_organization o ON o.id = key
),
everybody AS (
    SELECT sum(now_requests) AS all_now_requests,
        sum(now_tokens) AS all_now_tokens,
        sum(before_requests) AS all_before_requests,
        sum(before_tokens) AS all_before_tokens,
        count(*) FILTER (WHERE now_requests > 0) AS here,
        count(*) FILTER (WHERE before_requests + broken_requests > 0) AS there,
        count(*) FILTER (WHERE now_requests > 0 AND before_requests + broken_requests > 0) AS stayed
    FROM sums
),
shown AS (
    (SELECT key FROM sums ORDER BY worth DESC, label COLLATE "C" LIMIT %(most)s)
    UNION
    (SELECT key FROM sums
    ORDER BY whole - before DESC, worth, label COLLATE "C" DESC LIMIT %(most)s)
    UNION
    (SELECT key FROM sums ORDER BY whole - before, worth DESC, label COLLATE "C" LIMIT %(most)s)
)
SELECT * FROM sums JOIN shown USING (key) CROSS JOIN everybody
"""  # noqa: S608 - the names are the house's own
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
SELECT day, amount, 0::bigint AS requests, 0::bigint AS tokens FROM totals WHERE day >= %(start)s
UNION ALL
SELECT day, sum(amount), 0, 0 FROM beside JOIN billing_spendday ON day >= start AND day < until
WHERE currency = %(currency)s GROUP BY day
"""  # noqa: S608 - the names are the house's own
# Of a day whose quarters are summed up and that has not changed since, or else of all buckets.
OF_QUARTERS = f"""
WITH told AS (
    SELECT EXISTS (SELECT FROM billing_totalledday WHERE day = %(part_day)s)
        AND NOT EXISTS (SELECT FROM billing_lateday WHERE day = %(part_day)s) AS is_told
),
parts AS (
    SELECT currency, requests, tokens, amount FROM billing_quartertotal
    WHERE (SELECT is_told FROM told) AND starts_at >= %(part_start)s AND starts_at < %(part_until)s
    UNION ALL
    SELECT '', requests, {TOKENS}, 0 FROM metering_usagebucket
    WHERE NOT (SELECT is_told FROM told) AND starts_at >= %(part_start)s AND starts_at < %(part_until)s
        AND organization_id IN (SELECT id FROM tenants_organization)
    UNION ALL
    SELECT currency, requests, 0, amount FROM billing_spendbucket
    WHERE NOT (SELECT is_told FROM told) AND starts_at >= %(part_start)s AND starts_at < %(part_until)s
        AND organization_id IN (SELECT id FROM tenants_organization)
)
SELECT NULL::date, coalesce(sum(amount) FILTER (WHERE currency = %(currency)s), 0),
    coalesce(sum(requests) FILTER (WHERE currency = ''), 0)::bigint,
    coalesce(sum(tokens), 0)::bigint
FROM parts
"""  # noqa: S608 - the names are the house's own


@dataclass(frozen=True, slots=True)
class Used:
    """Requests, and their tokens or what they were worth."""

    requests: int = 0
    tokens: int = 0
    amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Beside:
    """Days beside earlier ones; of none is anything asked after the end of ``now``.

    The worth of both is compared until days of their own, and who was there before is looked for a
    little longer than what they used is counted.
    """

    now: Days
    before: Days
    broken_until: date
    whole_until: date
    whole_before_until: date

    def asked(self, currency: str) -> dict[str, Asked]:
        """Return the days by their names; without a currency what is counted."""
        return {
            "now": (*self.now, ""),
            "before": (*self.before, ""),
            "broken": (self.before[1], self.broken_until, ""),
            "shown": (*self.now, currency),
            "whole": (self.now[0], self.whole_until, currency),
            "whole_before": (self.before[0], self.whole_before_until, currency),
        }


#: By the name of the days, then by whose it is and its currency; without one, tokens are counted.
Found = Mapping[str, Mapping[tuple[str, str], Used]]


def by_model(asked: Mapping[str, Asked]) -> Found:
    """Return what was used of each model in each of these days; one query."""
    found: dict[str, dict[tuple[str, str], Used]] = {name: {} for name in asked}
    for it in rows(BY_MODEL, _facts(asked)):
        used = Used(it["requests"], it["tokens"], it["amount"])
        found[it["name"]][it["key"], it["currency"]] = used
    return found


def of_customers(days: Beside, currency: str, most: int) -> list[dict[str, Any]]:
    """Return so many customers of each kind: with the most worth, those that grew and that shrank.

    With each stand the sums over all customers; see the query. One query.
    """
    facts = {**_facts(days.asked(currency)), "currency": currency, "most": most}
    return rows(RANKED, facts)


def _facts(asked: Mapping[str, Asked]) -> dict[str, Any]:
    starts, ends, currencies = zip(*asked.values(), strict=True)
    return {
        "names": list(asked),
        "starts": list(starts),
        "ends": list(ends),
        "of": list(currencies),
    }


def worth_by_day(
    days: Days, currency: str, part: tuple[datetime, datetime] | None = None
) -> tuple[dict[date, Decimal], Used]:
    """Return what each of these days was worth in a currency, and what was used in a part of a day.

    The part is of quarters of an hour that begin in it, and its amount in the currency. One query.
    """
    facts = {"start": days[0], "until": days[1], "currency": currency}
    if part is None:
        return {it["day"]: it["amount"] for it in rows(BY_DAY, facts)}, Used()
    facts |= {"part_day": part[0].date(), "part_start": part[0], "part_until": part[1]}
    found = {it["day"]: it for it in rows(f"{BY_DAY} UNION ALL ({OF_QUARTERS})", facts)}
    rest = found.pop(None)
    used = Used(rest["requests"], rest["tokens"], rest["amount"])
    return {day: it["amount"] for day, it in found.items()}, used
