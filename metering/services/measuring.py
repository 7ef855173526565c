"""Counts how calls were answered: by quarter of an hour as they are recorded, then for everybody.

Percentiles are never told from requests: every step adds histograms up (:mod:`metering.histograms`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from psycopg import AsyncConnection

from common.database import current_connection, service
from metering import maintenance
from metering.answered import MEASURES
from metering.histograms import PLACE
from metering.maintenance import NOT_MAINTAINED
from metering.models import FAILURES
from metering.services.aggregation import QUARTER
from metering.services.rows import Column

KEY = ("organization_id", "starts_at", "offer_name", "region")
#: A shorter answer says little of how fast tokens come.
FEWEST_TOKENS = 16
_READ = (
    "organization_id", "occurred_at", "offer_name", "region", "source", "policy", "outcome",
    "streamed", "ttft_ms", "latency_ms", "inter_token_us", "output_tokens", "reasoning_tokens",
    "audio_output_tokens",
)  # fmt: skip
#: Whose calls somebody waited for: the gateway's own, and no lines of batches.
SOURCE = "gateway"
_PLACES = {
    "ttft": ("ttft_ms IS NOT NULL", "greatest(ttft_ms, 1)"),
    "speed": (
        f"streamed AND latency_ms > ttft_ms AND made >= {FEWEST_TOKENS}",
        "made * 1000.0::double precision / (latency_ms - ttft_ms)",
    ),
    "gaps": ("inter_token_us IS NOT NULL", "greatest(inter_token_us, 1)"),
}
_TOLD = ", ".join(
    f"('{name}', CASE WHEN {known} THEN {PLACE.format(value=value)} END)"
    for name, (known, value) in _PLACES.items()
)
_COLLECTED = ", ".join(
    f"coalesce(jsonb_object_agg(place, number) FILTER (WHERE measure = '{name}'), '{{}}') AS {name}"
    for name in MEASURES
)
# Rows in the order of their keys, as all recorders take them.
ADD = f"""
WITH new AS MATERIALIZED (
    SELECT {QUARTER} AS starts_at,
        output_tokens + reasoning_tokens + audio_output_tokens AS made, *
    FROM unnest({", ".join(f"%({name})s" for name in _READ)}) AS told({", ".join(_READ)})
    WHERE source = '{SOURCE}' AND policy->>'service_tier' IS DISTINCT FROM 'batch'
), told AS (
    SELECT {", ".join(KEY)}, measure, place, count(*) AS number
    FROM new CROSS JOIN LATERAL (VALUES {_TOLD}) AS found(measure, place)
    WHERE place IS NOT NULL GROUP BY {", ".join(KEY)}, measure, place
), spread AS (
    SELECT {", ".join(KEY)}, {_COLLECTED} FROM told GROUP BY {", ".join(KEY)}
), counted AS (
    SELECT {", ".join(KEY)}, count(*) AS requests,
        count(*) FILTER (WHERE outcome = ANY(%(failures)s)) AS failures
    FROM new GROUP BY {", ".join(KEY)}
)
INSERT INTO metering_servicebucket AS kept
    (id, {", ".join(KEY)}, requests, failures, {", ".join(MEASURES)}, changed_at)
SELECT gen_random_uuid(), {", ".join(KEY)}, requests, failures,
    {", ".join(f"coalesce({name}, '{{}}')" for name in MEASURES)}, now()
FROM counted LEFT JOIN spread USING ({", ".join(KEY)}) ORDER BY {", ".join(KEY)}
ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET requests = kept.requests + excluded.requests,
    failures = kept.failures + excluded.failures,
    {", ".join(f"{name} = metering_added(kept.{name}, excluded.{name})" for name in MEASURES)},
    changed_at = excluded.changed_at
"""  # noqa: S608 - the names are this module's own

NOTE_FAILED = f"""
INSERT INTO metering_failedcalls ({", ".join(KEY)}, id, process, calls, changed_at)
SELECT {", ".join(KEY)}, gen_random_uuid(), %(process)s, calls, now()
FROM unnest(
    %(organization_id)s::uuid[], %(starts_at)s::timestamptz[], %(offer_name)s::text[],
    %(region)s::text[], %(calls)s::bigint[]
) AS told({", ".join(KEY)}, calls)
ORDER BY {", ".join(KEY)}
ON CONFLICT ({", ".join(KEY)}, process)
    DO UPDATE SET calls = excluded.calls, changed_at = excluded.changed_at
"""  # noqa: S608 - the names are this module's own


async def add(conn: AsyncConnection[Any], columns: Mapping[str, Column]) -> None:
    """Add new events to how calls were answered. Part of the caller's transaction."""
    if columns:
        await conn.execute(ADD, {**columns, "failures": sorted(FAILURES)})


#: Whose calls, when, of what, where.
Called = tuple[Any, datetime, str, str]


async def note_failed(
    conn: AsyncConnection[Any], process: str, calls: Mapping[Called, int]
) -> None:
    """Write how many calls one gateway could not answer so far; again, it changes nothing."""
    keys = list(calls)
    told = {name: [key[at] for key in keys] for at, name in enumerate(KEY)}
    await conn.execute(NOTE_FAILED, {**told, "process": process, "calls": list(calls.values())})


#: What was changed so long before the last look may have been committed after it.
OVERLAP = timedelta(minutes=10)
#: How far back the first look goes.
KNOWN_FOR = timedelta(days=31)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('metering.measuring', 0))"
HOUR = "date_trunc('hour', starts_at, 'UTC')"
_PLACE = ("offer_name", "region")
# Hours in which anything changed are told anew from all their quarters: whatever came late, and
# however often this is done, they are right.
SUM_HOURS = f"""
WITH changed AS (
    SELECT DISTINCT {HOUR} AS hour, {", ".join(_PLACE)} FROM (
        SELECT starts_at, {", ".join(_PLACE)} FROM metering_servicebucket
        WHERE changed_at >= %(since)s AND starts_at >= %(oldest)s
        UNION ALL
        SELECT starts_at, {", ".join(_PLACE)} FROM metering_failedcalls
        WHERE changed_at >= %(since)s AND starts_at >= %(oldest)s
    ) AS each
), quarters AS MATERIALIZED (
    SELECT hour, {", ".join(_PLACE)}, requests, failures, {", ".join(MEASURES)}
    FROM changed JOIN metering_servicebucket AS called USING ({", ".join(_PLACE)})
    WHERE called.starts_at >= hour AND called.starts_at < hour + interval '1 hour'
        AND {NOT_MAINTAINED}
), counted AS (
    SELECT hour, {", ".join(_PLACE)}, sum(requests) AS requests, sum(failures) AS failures
    FROM quarters GROUP BY hour, {", ".join(_PLACE)}
), told AS (
    SELECT hour, {", ".join(_PLACE)}, measure, place, sum(many::bigint) AS number
    FROM quarters
    CROSS JOIN LATERAL (VALUES {", ".join(f"('{it}', {it})" for it in MEASURES)}) AS m(measure, its)
    CROSS JOIN LATERAL jsonb_each_text(its) AS step(place, many)
    GROUP BY hour, {", ".join(_PLACE)}, measure, place
), spread AS (
    SELECT hour, {", ".join(_PLACE)}, {_COLLECTED} FROM told GROUP BY hour, {", ".join(_PLACE)}
), failed AS (
    SELECT hour, {", ".join(_PLACE)}, sum(calls) AS unanswered
    FROM changed JOIN metering_failedcalls AS called USING ({", ".join(_PLACE)})
    WHERE called.starts_at >= hour AND called.starts_at < hour + interval '1 hour'
        AND {NOT_MAINTAINED}
    GROUP BY hour, {", ".join(_PLACE)}
)
INSERT INTO metering_offerhour
    (id, starts_at, {", ".join(_PLACE)}, requests, failures, {", ".join(MEASURES)}, unanswered)
SELECT gen_random_uuid(), hour, {", ".join(_PLACE)}, coalesce(requests, 0), coalesce(failures, 0),
    {", ".join(f"coalesce({name}, '{{}}')" for name in MEASURES)}, coalesce(unanswered, 0)
FROM changed LEFT JOIN counted USING (hour, {", ".join(_PLACE)})
    LEFT JOIN spread USING (hour, {", ".join(_PLACE)})
    LEFT JOIN failed USING (hour, {", ".join(_PLACE)})
ON CONFLICT (starts_at, {", ".join(_PLACE)}) DO UPDATE SET requests = excluded.requests,
    failures = excluded.failures, unanswered = excluded.unanswered,
    {", ".join(f"{name} = excluded.{name}" for name in MEASURES)}
"""  # noqa: S608 - the names are this module's own


def sum_up(*, since: datetime | None = None) -> None:
    """Bring the hours of all offers up to date with what was counted since; at most a month back.

    Two at once wait for each other, and doing it again changes nothing.
    """
    now = timezone.now()
    oldest = now - KNOWN_FOR
    facts = {"since": max(since or oldest, oldest), "oldest": oldest}
    with service(), current_connection().cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute(SUM_HOURS, {**facts, **maintenance.parameters(oldest, now)})
