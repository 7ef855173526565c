"""Takes usage events in, each exactly once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from common.ids import uuid7s
from metering.models import GPU_SECONDS, TOKEN_PARTS
from metering.services import rows
from metering.services.rows import Column

_canonical = msgspec.json.Encoder(decimal_format="string", order="deterministic")


class EventKey(NamedTuple):
    """What makes an event unique for ever."""

    organization_id: UUID
    source: str
    event_id: str


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    #: Left out of the hash where there are none: events from before they were counted keep theirs.
    gpu_seconds: int = 0
    #: Left out in the same way.
    inter_token_us: int | None = None

    @property
    def key(self) -> EventKey:
        """Return what makes the event unique for ever."""
        return EventKey(self.organization_id, self.source, self.event_id)

    def body_hash(self) -> bytes:
        """Return the SHA-256 of everything the event says."""
        return sha256(_canonical.encode(self)).digest()


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a batch."""

    #: Where in the batch the new events stand, and the ids of their rows.
    places: Sequence[int]
    ids: Sequence[UUID]
    #: The new events by the columns of their table, for whoever sums them up.
    columns: Mapping[str, Column]
    #: Where those stand that contradict the past, and their keys.
    wrong: Sequence[int]
    conflicts: frozenset[EventKey]


CLAIMS = """
unnest(%(organization_id)s, %(source)s, %(event_id)s, %(body_hash)s)
    AS new(organization_id, source, event_id, body_hash)
"""
# In the order of the keys, so that two recorders with the same events wait and do not deadlock.
CLAIM_KEYS = f"""
INSERT INTO metering_usageeventkey (organization_id, source, event_id, body_hash, recorded_at)
SELECT organization_id, source, event_id, body_hash, now() FROM {CLAIMS}
ORDER BY organization_id, source, event_id
ON CONFLICT DO NOTHING
RETURNING organization_id, source, event_id
"""  # noqa: S608 - the names are this module's own
KNOWN_BODIES = f"""
SELECT organization_id, source, event_id, known.body_hash
FROM metering_usageeventkey AS known JOIN {CLAIMS} USING (organization_id, source, event_id)
"""  # noqa: S608 - the names are this module's own
PARTS = tuple(f"{part}_tokens" for part in TOKEN_PARTS)
COLUMNS = (
    "id", "organization_id", "project_id", "api_key_id", "source", "event_id", "offer_id",
    "offer_name", "region", *PARTS, "price_ids", "policy", "outcome", "streamed", "ttft_ms",
    "latency_ms", "inter_token_us", "occurred_at",
)  # fmt: skip


def _select(columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    return f"""
SELECT {names}, now() AS recorded_at
FROM unnest({", ".join(f"%({name})s" for name in columns)}) AS new({names})
"""  # noqa: S608 - the names are this module's own


def _insert(columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    return f"""
INSERT INTO metering_usageevent ({names}, recorded_at)
{_select(columns)}
"""


SELECT_EVENTS = _select(COLUMNS)
#: Hardly any batch knows of time on GPUs: the column is sent, and written, only where one does.
INSERT_EVENTS, INSERT_EVENTS_WITH_GPUS = _insert(COLUMNS), _insert((*COLUMNS, GPU_SECONDS))
#: So many bodies are kept of one event; a meter that tells another each time fills no disk.
MOST_CONFLICTS = 20
INSERT_CONFLICTS = f"""
INSERT INTO metering_usageconflict (
    id, organization_id, source, event_id, body, body_hash, recorded_at)
SELECT id, organization_id, source, event_id, body, body_hash, now()
FROM (
    SELECT *, row_number() OVER (PARTITION BY organization_id, source, event_id) AS place
    FROM unnest(
        %(id)s, %(body)s, %(organization_id)s, %(source)s, %(event_id)s, %(body_hash)s
    ) AS told(id, body, organization_id, source, event_id, body_hash)
) AS new
WHERE new.place + (
    SELECT count(*) FROM metering_usageconflict AS kept
    WHERE kept.organization_id = new.organization_id
        AND kept.source = new.source AND kept.event_id = new.event_id
) <= {MOST_CONFLICTS}
ON CONFLICT DO NOTHING
"""  # noqa: S608 - the number is this module's own


async def record(conn: AsyncConnection[Any], events: Sequence[Event]) -> Intake:
    """Write the events that are new; those seen before are ignored, contradictions are kept aside.

    Part of the caller's transaction.
    """
    if not events:
        return Intake((), (), {}, (), frozenset())
    keys = [event.key for event in events]
    hashes = [event.body_hash() for event in events]
    # Of events with one key the first counts.
    first = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
    places = sorted(first.values()) if len(first) < len(keys) else range(len(keys))
    ids = uuid7s(len(places))
    new = columns([events[place] for place in places], ids)
    async with conn.cursor(row_factory=tuple_row) as cursor:
        digests = rows.digests([hashes[place] for place in places])
        await cursor.execute(CLAIM_KEYS, {**new, "body_hash": digests})
        # Nearly always all are new; then nobody needs to read which.
        if cursor.rowcount < len(places):
            places = sorted(first[EventKey(*row)] for row in await cursor.fetchall())
            ids = uuid7s(len(places))
            new = columns([events[place] for place in places], ids)
        if places:
            insert = INSERT_EVENTS_WITH_GPUS if GPU_SECONDS in new else INSERT_EVENTS
            await cursor.execute(insert, new)
    doubtful = sorted(set(range(len(events))).difference(places))
    wrong = await _contradicting(conn, events, keys, hashes, doubtful) if doubtful else ()
    return Intake(places, ids, new, wrong, frozenset(keys[place] for place in wrong))


def columns(events: Sequence[Event], ids: Sequence[UUID]) -> dict[str, Column]:
    """Return the events by the columns of their table."""

    def of(name: str) -> list[Any]:
        return list(map(attrgetter(name), events))

    parts = of("parts")
    used: set[str] = set().union(*parts)
    seconds = of(GPU_SECONDS)
    return {
        "id": rows.uuids(ids),
        **{name: rows.uuids(of(name)) for name in _UUIDS},
        "event_id": rows.texts(of("event_id")),
        **{name: rows.same_texts(of(name)) for name in _FEW_TEXTS},
        **{
            f"{part}_tokens": rows.bigints([each.get(part, 0) for each in parts])
            if part in used
            else rows.zeros(len(parts))
            for part in TOKEN_PARTS
        },
        **({GPU_SECONDS: rows.bigints(seconds)} if any(seconds) else {}),
        **{name: rows.documents(of(name)) for name in ("price_ids", "policy")},
        "streamed": rows.booleans(of("streamed")),
        **{name: rows.integers(of(name)) for name in _MAY_BE_MISSING},
        "occurred_at": rows.moments(of("occurred_at")),
    }


_UUIDS = ("organization_id", "project_id", "api_key_id", "offer_id")
_MAY_BE_MISSING = ("ttft_ms", "latency_ms", "inter_token_us")
_FEW_TEXTS = ("source", "offer_name", "region", "outcome")


def _claims(
    keys: Sequence[EventKey], hashes: Sequence[bytes], places: Sequence[int]
) -> dict[str, Column]:
    claimed = [keys[place] for place in places]
    return {
        "organization_id": rows.uuids([key.organization_id for key in claimed]),
        "source": rows.texts([key.source for key in claimed]),
        "event_id": rows.texts([key.event_id for key in claimed]),
        "body_hash": rows.digests([hashes[place] for place in places]),
    }


async def _contradicting(
    conn: AsyncConnection[Any],
    events: Sequence[Event],
    keys: Sequence[EventKey],
    hashes: Sequence[bytes],
    doubtful: Sequence[int],
) -> Sequence[int]:
    """Keep aside the events whose key is known with another body, and return where they stand."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(KNOWN_BODIES, _claims(keys, hashes, doubtful))
        known = {EventKey(*row[:3]): row[3] for row in await cursor.fetchall()}
        wrong = [place for place in doubtful if known[keys[place]] != hashes[place]]
        if wrong:
            told = {
                "id": rows.uuids(uuid7s(len(wrong))),
                "body": rows.documents([events[place] for place in wrong]),
            }
            await cursor.execute(INSERT_CONFLICTS, told | _claims(keys, hashes, wrong))
    return wrong
