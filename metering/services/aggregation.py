"""Sums events up by quarter of an hour, so that any billing time zone can be cut."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from common.ids import uuid7
from metering.models import FAILURES, TOKEN_PARTS
from metering.services.ingestion import Event
from metering.services.rows import as_json

QUARTER_MINUTES = 15
COUNTS = (
    "requests",
    "failures",
    *(f"{part}_tokens" for part in TOKEN_PARTS),
    "ttft_ms_sum",
    "ttft_count",
    "latency_ms_sum",
)
Key = tuple[UUID, datetime, UUID, UUID | None, str, str]

# Rows in the order of their keys: two recorders that touch the same buckets wait, not deadlock.
ADD_TO_BUCKETS = f"""
INSERT INTO metering_usagebucket AS bucket (
    id, organization_id, starts_at, project_id, api_key_id, offer_name, region, {", ".join(COUNTS)})
SELECT
    id, organization_id, starts_at, project_id, api_key_id, offer_name, region, {", ".join(COUNTS)}
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, starts_at timestamptz, project_id uuid, api_key_id uuid,
    offer_name text, region text, {", ".join(f"{name} bigint" for name in COUNTS)})
ORDER BY organization_id, starts_at, project_id, api_key_id, offer_name, region
ON CONFLICT (organization_id, starts_at, project_id, api_key_id, offer_name, region) DO UPDATE SET
    {", ".join(f"{name} = bucket.{name} + excluded.{name}" for name in COUNTS)}
"""  # noqa: S608 - the names are this module's own


def quarter(moment: datetime) -> datetime:
    """Return the start of the quarter of an hour that the moment lies in."""
    minute = moment.minute - moment.minute % QUARTER_MINUTES
    return moment.replace(minute=minute, second=0, microsecond=0)


async def add(conn: AsyncConnection[Any], events: Iterable[Event]) -> None:
    """Add new events to their buckets. Part of the caller's transaction."""
    sums: dict[Key, dict[str, int]] = {}
    for event in events:
        counts = sums.setdefault(_key(event), dict.fromkeys(COUNTS, 0))
        for name, value in _counts(event).items():
            counts[name] += value
    rows = [
        dict(
            zip(
                (
                    "organization_id",
                    "starts_at",
                    "project_id",
                    "api_key_id",
                    "offer_name",
                    "region",
                ),
                key,
                strict=True,
            ),
            id=uuid7(),
            **counts,
        )
        for key, counts in sums.items()
    ]
    if rows:
        await conn.execute(ADD_TO_BUCKETS, [as_json(rows)])


def _key(event: Event) -> Key:
    return (
        event.organization_id,
        quarter(event.occurred_at),
        event.project_id,
        event.api_key_id,
        event.offer_name,
        event.region,
    )


def _counts(event: Event) -> dict[str, int]:
    return {
        "requests": 1,
        "failures": int(event.outcome in FAILURES),
        **{f"{part}_tokens": event.parts.get(part, 0) for part in TOKEN_PARTS},
        "ttft_ms_sum": event.ttft_ms or 0,
        "ttft_count": int(event.ttft_ms is not None),
        "latency_ms_sum": event.latency_ms or 0,
    }
