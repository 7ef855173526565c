"""Sums events up by quarter of an hour, so that any billing time zone can be cut."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from metering.models import FAILURES
from metering.services.ingestion import PARTS
from metering.services.rows import Column

#: The start of the quarter of an hour that a row's ``occurred_at`` lies in, in SQL.
QUARTER = "date_bin('15 minutes', occurred_at, 'epoch')"
KEY = ("organization_id", "starts_at", "project_id", "api_key_id", "offer_name", "region")
#: What is counted, and how.
COUNTS = {
    "requests": "count(*)",
    "failures": "count(*) FILTER (WHERE outcome = ANY(%(failures)s))",
    **{name: f"sum({name})" for name in PARTS},
    "ttft_ms_sum": "coalesce(sum(ttft_ms), 0)",
    "ttft_count": "count(ttft_ms)",
    "latency_ms_sum": "coalesce(sum(latency_ms), 0)",
}
_READ = (
    "organization_id", "occurred_at", "project_id", "api_key_id", "offer_name", "region", "outcome",
    *PARTS, "ttft_ms", "latency_ms",
)  # fmt: skip

# Rows in the order of their keys: two recorders that touch the same buckets wait, not deadlock.
ADD_TO_BUCKETS = f"""
INSERT INTO metering_usagebucket AS bucket (id, {", ".join(KEY)}, {", ".join(COUNTS)})
SELECT gen_random_uuid(), organization_id, {QUARTER} AS starts_at, project_id, api_key_id,
    offer_name, region, {", ".join(COUNTS.values())}
FROM unnest({", ".join(f"%({name})s" for name in _READ)}) AS new({", ".join(_READ)})
GROUP BY {", ".join(KEY)} ORDER BY {", ".join(KEY)}
ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET
    {", ".join(f"{name} = bucket.{name} + excluded.{name}" for name in COUNTS)}
"""  # noqa: S608 - the names are this module's own


async def add(conn: AsyncConnection[Any], columns: Mapping[str, Column]) -> None:
    """Add new events to their buckets. Part of the caller's transaction."""
    if columns:
        await conn.execute(ADD_TO_BUCKETS, {**columns, "failures": sorted(FAILURES)})
