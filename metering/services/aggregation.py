"""Sums events up by quarter of an hour, so that any billing time zone can be cut."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from metering.models import FAILURES, GPU_SECONDS
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
def _add_to_buckets(counts: Mapping[str, str], read: Sequence[str]) -> str:
    return f"""
INSERT INTO metering_usagebucket AS bucket (id, {", ".join(KEY)}, {", ".join(counts)})
SELECT gen_random_uuid(), organization_id, {QUARTER} AS starts_at, project_id, api_key_id,
    offer_name, region, {", ".join(counts.values())}
FROM unnest({", ".join(f"%({name})s" for name in read)}) AS new({", ".join(read)})
GROUP BY {", ".join(KEY)} ORDER BY {", ".join(KEY)}
ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET
    {", ".join(f"{name} = bucket.{name} + excluded.{name}" for name in counts)}
"""  # noqa: S608 - the names are this module's own


ADD_TO_BUCKETS = _add_to_buckets(COUNTS, _READ)
#: The same for batches that know of time on GPUs; see :mod:`metering.services.ingestion`.
ADD_TO_BUCKETS_WITH_GPUS = _add_to_buckets(
    {**COUNTS, GPU_SECONDS: f"sum({GPU_SECONDS})"}, (*_READ, GPU_SECONDS)
)


async def add(conn: AsyncConnection[Any], columns: Mapping[str, Column]) -> None:
    """Add new events to their buckets. Part of the caller's transaction."""
    if columns:
        add_up = ADD_TO_BUCKETS_WITH_GPUS if GPU_SECONDS in columns else ADD_TO_BUCKETS
        await conn.execute(add_up, {**columns, "failures": sorted(FAILURES)})
