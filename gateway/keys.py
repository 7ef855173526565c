"""Who calls: the key, checked offline, then looked up by digest and remembered for five seconds."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from billing.budgets import Terms
from gateway.errors import InvalidKey, Refused
from tenants import keys
from tenants.models.classification import strictest

#: So old may be what is remembered of a key: with the time a look-up takes, a revoked key is refused
#: within five seconds.
LIFETIME = 4.0
#: A key in use is looked up again so many seconds before that: no request waits for it.
AHEAD = 1.0
#: How much longer it may be believed while PostgreSQL cannot be asked.
STALE = 120.0
#: So long a look-up of a remembered key may take; then PostgreSQL is away, and left alone for REST.
PATIENCE, REST = 1.0, 1.0
#: So long one of a key that nobody remembers: longer than a free connection is waited for.
LONGEST = 6.0
#: Remembered keys, known and unknown; above this all are forgotten, so a scan cannot fill memory.
CAPACITY = 50_000

#: How an organization is refused that the operator has not let in.
UNADMITTED = {
    "waiting": "The organization waits for the operator's approval.",
    "refused": "The operator has refused the organization; its overview says why.",
}

LOOK_UP = """
SELECT k.id, k.organization_id, k.project_id, k.name, k.scopes, k.allowed_models, k.ip_ranges,
       k.digest, k.former_until, k.rpm_limit, k.tpm_limit, k.concurrency_limit, k.expires_at, k.revoked_at,
       o.slug AS organization_slug, o.status AS organization_status, o.admission, o.currency,
       o.allowed_jurisdictions, ARRAY[o.classification, p.classification] AS classifications,
       ARRAY[p.rpm_limit, p.tpm_limit, p.concurrency_limit] AS project_limits,
       ARRAY[least(o.rpm_limit, o.restricted_rpm, o.first_rpm),
           least(o.tpm_limit, o.restricted_tpm, o.first_tpm),
           least(o.concurrency_limit, o.restricted_concurrency, o.first_concurrency)
       ] AS organization_limits,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', b.id, 'name', b.name, 'amount', b.amount::text, 'currency', b.currency,
            'window', b.window, 'time_zone', o.time_zone, 'starts_at', b.starts_at,
            'ends_at', b.ends_at, 'owner', CASE WHEN b.api_key_id IS NOT NULL THEN 'key'
                WHEN b.project_id IS NOT NULL THEN 'project' ELSE 'organization' END)), '[]')
        FROM billing_budget b
        WHERE b.organization_id = k.organization_id AND b.currency = o.currency
            AND b.is_hard AND b.closed_at IS NULL
            AND (b.project_id IS NULL OR b.project_id = k.project_id)
            AND (b.api_key_id IS NULL OR b.api_key_id = k.id)) AS budgets,
       ARRAY(SELECT b.id FROM (
            SELECT id, 0 AS place FROM marketplace_pricebook WHERE organization_id = o.id
            UNION ALL SELECT c.price_book_id, 1 FROM billing_contract c
            WHERE c.organization_id = o.id AND c.status = 'active' AND c.effective_from <= now()
                AND (c.effective_until IS NULL OR c.effective_until > now())
            UNION ALL SELECT g.id, 2 FROM marketplace_groupmember m
            JOIN marketplace_pricebook g ON g.customer_group_id = m.group_id
            WHERE m.organization_id = o.id
        ) AS held JOIN marketplace_pricebook b ON b.id = held.id AND b.currency = o.currency
        ORDER BY held.place) AS price_books,
       ARRAY(SELECT terms_id FROM marketplace_termsacceptance
        WHERE organization_id = o.id) AS accepted_terms,
       ARRAY(SELECT model_id FROM marketplace_accessrequest
        WHERE organization_id = o.id AND state = 'approved') AS granted_models,
       ARRAY(SELECT model_id FROM marketplace_accessgrace
        WHERE organization_id = o.id AND until > now()) AS graced_models,
       (SELECT group_id FROM marketplace_groupmember
        WHERE organization_id = o.id) AS customer_group
FROM tenants_apikey k
JOIN tenants_organization o ON o.id = k.organization_id
JOIN tenants_project p ON p.id = k.project_id
WHERE k.digest = %(digest)s OR k.former_digest = %(digest)s
"""
#: Keeps that a text was used which another has replaced; whoever changes the key is not waited for.
NOTE_FORMER = """
UPDATE tenants_apikey SET former_used_at = now() WHERE id = (
    SELECT id FROM tenants_apikey
    WHERE former_digest = %(digest)s AND former_until > now()
        AND (former_used_at IS NULL OR former_used_at < now() - interval '1 minute')
    FOR UPDATE SKIP LOCKED
)
"""


class Caller(msgspec.Struct, frozen=True, dict=True):
    """A key with all that admission asks about its owner."""

    id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    scopes: list[str]
    allowed_models: list[str]
    ip_ranges: list[str]
    rpm_limit: int | None
    tpm_limit: int | None
    concurrency_limit: int | None
    expires_at: datetime | None
    revoked_at: datetime | None
    organization_slug: str
    organization_status: str
    currency: str
    allowed_jurisdictions: list[str]
    #: Requests and tokens a minute, calls at once; None is no limit.
    project_limits: tuple[int | None, int | None, int | None]
    organization_limits: tuple[int | None, int | None, int | None]
    #: Those that stop requests.
    budgets: list[Terms]
    #: Those that come before the one for everybody, in order; see :mod:`marketplace.books`.
    price_books: tuple[UUID, ...] = ()
    #: How confidential the organization's data is at least, and the project's.
    classifications: list[str] = []
    #: The wordings that the organization has agreed to, and the models it was let in to.
    accepted_terms: frozenset[UUID] = frozenset()
    granted_models: frozenset[UUID] = frozenset()
    #: Those that ask for more by now, and that it calls as before for a time.
    graced_models: frozenset[UUID] = frozenset()
    #: In which group the organization is: it sees what is shown to the group.
    customer_group: UUID | None = None
    #: Whether the operator has let the organization in.
    admission: str = "admitted"

    @cached_property
    def level(self) -> str:
        """Return how confidential its data is when a request does not say more."""
        return strictest(*self.classifications)


def sent(headers: Mapping[bytes, bytes], *, by_api_key: bool = False) -> str:
    """Return the key of the request, or refuse; ``x-api-key`` counts where asked."""
    kind, _space, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    key = key.strip() if kind.lower() == "bearer" else ""
    if by_api_key and not key:
        key = headers.get(b"x-api-key", b"").decode("latin-1").strip()
    if not key:
        ways = "'x-api-key: tsr_…' or " if by_api_key else ""
        raise InvalidKey(
            f"No API key came with the request. Send it as {ways}'Authorization: Bearer tsr_…'.",
            code="missing_api_key",
        )
    return key


def check(caller: Caller | None, address: str) -> Caller:
    """Return the caller when the key opens the door now and from this address."""
    if caller is None or caller.revoked_at is not None:
        raise InvalidKey("The API key is not valid: it is unknown or was revoked.")
    if caller.expires_at is not None and caller.expires_at <= datetime.now(UTC):
        raise InvalidKey("The API key has expired. Create a new one.", code="expired_api_key")
    if caller.admission in UNADMITTED:
        raise Refused(UNADMITTED[caller.admission], code=f"organization_{caller.admission}")
    if caller.organization_status != "active":
        raise Refused("The organization is suspended.", code="organization_suspended")
    if caller.ip_ranges and not keys.is_within(address, caller.ip_ranges):
        raise Refused("The API key may not be used from this address.", code="ip_not_allowed")
    return caller


def need(caller: Caller, scope: str) -> None:
    """Refuse a key that was not made for this."""
    if scope not in caller.scopes:
        raise Refused(f"This key does not carry the scope '{scope}'.", code="scope_missing")


class KeyDirectory:
    """Answers which caller a key belongs to, asking PostgreSQL once in five seconds at most."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._known: dict[bytes, tuple[float, Caller | None]] = {}
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}
        self._away_until = 0.0

    def remembered(self, key: str) -> Caller | None:
        """Return the key's caller when it was looked up a moment ago."""
        digest, now = keys.digest(key), time.monotonic()
        entry = self._known.get(digest)
        if entry is None or entry[0] <= now:
            return None
        if entry[0] <= now + AHEAD and now >= self._away_until and entry[1] is not None:
            self._begin(digest, PATIENCE)
        return entry[1]

    async def find(self, key: str) -> Caller | None:
        """Return the key's caller; None when no such key exists. What is no key is refused."""
        if not keys.is_well_formed(key):
            raise InvalidKey("The API key is not valid: it is mistyped or cut off.")
        digest = keys.digest(key)
        entry = self._known.get(digest)
        now = time.monotonic()
        is_believable = entry is not None and now - entry[0] <= STALE
        if entry is not None and (entry[0] > now or (is_believable and now < self._away_until)):
            return entry[1]
        task = self._begin(digest, PATIENCE if is_believable else None)
        try:
            # It may also be there and not answer: behind a lock, or frozen.
            async with asyncio.timeout(PATIENCE if is_believable else LONGEST):
                # Shielded: one caller that goes away must not cancel the look-up others wait for.
                return await asyncio.shield(task)
        except (psycopg.Error, PoolTimeout, TimeoutError):
            # While PostgreSQL is away, who was let in a moment ago stays in.
            self._away_until = time.monotonic() + REST
            if entry is None or not is_believable:
                raise
            return entry[1]

    def _begin(self, digest: bytes, patience: float | None) -> "asyncio.Task[Caller | None]":
        """Look the key up, unless that is under way."""
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._look_up(digest, patience))
            task.add_done_callback(partial(self._looked_up, digest))
        return task

    def _looked_up(self, digest: bytes, task: "asyncio.Task[Caller | None]") -> None:
        self._asking.pop(digest, None)
        # Looked at here too: nobody may have waited for it.
        if not task.cancelled() and task.exception() is not None:
            self._away_until = time.monotonic() + REST

    async def _look_up(self, digest: bytes, patience: float | None) -> Caller | None:
        async with self._pool.connection(timeout=patience) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = await (await cursor.execute(LOOK_UP, {"digest": digest})).fetchone()
            if row and row["digest"] != digest:
                # It was rotated: the text before goes on until its own end.
                ends = (row["expires_at"], row["former_until"])
                row["expires_at"] = min(it for it in ends if it is not None)
                await connection.execute(NOTE_FORMER, {"digest": digest})
        caller = msgspec.convert(row, Caller) if row else None
        if len(self._known) >= CAPACITY:
            self._known.clear()
        self._known[digest] = (time.monotonic() + LIFETIME, caller)
        return caller
