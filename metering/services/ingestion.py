"""Takes usage events in, each exactly once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from common.ids import uuid7
from metering.services.rows import as_json

_canonical = msgspec.json.Encoder(decimal_format="string", order="deterministic")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what it used; ``parts`` are disjoint tokens."""

    organization_id: UUID
    project_id: UUID
    api_key_id: UUID | None
    source: str
    event_id: str
    occurred_at: datetime
    offer_id: UUID
    offer_name: str
    region: str
    parts: dict[str, int]
    price_ids: dict[str, UUID]
    policy: dict[str, Any]
    outcome: str
    streamed: bool
    ttft_ms: int | None
    latency_ms: int | None

    @property
    def key(self) -> "EventKey":
        """Return what makes the event unique for ever."""
        return EventKey(self.organization_id, self.source, self.event_id)

    def body_hash(self) -> str:
        """Return the SHA-256 of everything the event says, in hex."""
        return hashlib.sha256(_canonical.encode(self)).hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """What makes an event unique for ever."""

    organization_id: UUID
    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a batch: row ids of the new events, and the keys that contradict the past."""

    accepted: dict[EventKey, UUID]
    conflicts: frozenset[EventKey]


# In the order of the keys, so that two recorders with the same events wait and do not deadlock.
CLAIM_KEYS = """
INSERT INTO metering_usageeventkey (organization_id, source, event_id, body_hash, recorded_at)
SELECT organization_id, source, event_id, decode(body_hash, 'hex'), now()
FROM jsonb_to_recordset(%s::jsonb)
    AS new(organization_id uuid, source text, event_id text, body_hash text)
ORDER BY organization_id, source, event_id
ON CONFLICT DO NOTHING
RETURNING organization_id, source, event_id
"""
KNOWN_BODIES = """
SELECT organization_id, source, event_id, encode(body_hash, 'hex')
FROM metering_usageeventkey JOIN jsonb_to_recordset(%s::jsonb)
    AS new(organization_id uuid, source text, event_id text)
USING (organization_id, source, event_id)
"""
INSERT_EVENTS = """
INSERT INTO metering_usageevent (
    id, organization_id, project_id, api_key_id, source, event_id, offer_id, offer_name, region,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, price_ids, policy, outcome,
    streamed, ttft_ms, latency_ms, occurred_at, recorded_at)
SELECT
    id, organization_id, project_id, api_key_id, source, event_id, offer_id, offer_name, region,
    coalesce((parts->>'input')::bigint, 0), coalesce((parts->>'cached_input')::bigint, 0),
    coalesce((parts->>'output')::bigint, 0), coalesce((parts->>'reasoning')::bigint, 0),
    price_ids, policy, outcome, streamed, ttft_ms, latency_ms, occurred_at, now()
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, project_id uuid, api_key_id uuid, source text, event_id text,
    offer_id uuid, offer_name text, region text, parts jsonb, price_ids jsonb, policy jsonb,
    outcome text, streamed boolean, ttft_ms integer, latency_ms integer, occurred_at timestamptz)
"""
INSERT_CONFLICTS = """
INSERT INTO metering_usageconflict (
    id, organization_id, source, event_id, body, body_hash, recorded_at)
SELECT id, organization_id, source, event_id, body, decode(body_hash, 'hex'), now()
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id uuid, organization_id uuid, source text, event_id text, body jsonb, body_hash text)
ON CONFLICT DO NOTHING
"""


async def record(conn: AsyncConnection[Any], events: Sequence[Event]) -> Intake:
    """Write the events that are new; those seen before are ignored, contradictions are kept aside.

    Part of the caller's transaction.
    """
    first: dict[EventKey, Event] = {}
    for event in events:
        first.setdefault(event.key, event)
    if not first:
        return Intake({}, frozenset())
    claims = [_claim(event) for event in first.values()]
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(CLAIM_KEYS, [as_json(claims)])
        accepted = {EventKey(*row): uuid7() for row in await cursor.fetchall()}
        new = [first[key] for key in accepted]
        if new:
            rows = [{"id": accepted[e.key], **msgspec.structs.asdict(e)} for e in new]
            await cursor.execute(INSERT_EVENTS, [as_json(rows)])
    conflicts = await _conflicts(conn, events, accepted, first)
    return Intake(accepted, conflicts)


async def _conflicts(
    conn: AsyncConnection[Any],
    events: Sequence[Event],
    accepted: dict[EventKey, UUID],
    first: dict[EventKey, Event],
) -> frozenset[EventKey]:
    """Keep aside the events whose key is known with another body, and return their keys."""
    doubtful = [e for e in events if e.key not in accepted or first[e.key] is not e]
    if not doubtful:
        return frozenset()
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(KNOWN_BODIES, [as_json([_claim(e) for e in doubtful])])
        known = {EventKey(*row[:3]): row[3] for row in await cursor.fetchall()}
        wrong = [e for e in doubtful if known[e.key] != e.body_hash()]
        if wrong:
            rows = [{"id": uuid7(), "body": e, **_claim(e)} for e in wrong]
            await cursor.execute(INSERT_CONFLICTS, [as_json(rows)])
    return frozenset(e.key for e in wrong)


def _claim(event: Event) -> dict[str, Any]:
    return {
        "organization_id": event.organization_id,
        "source": event.source,
        "event_id": event.event_id,
        "body_hash": event.body_hash(),
    }
