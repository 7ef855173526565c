"""Writes the same usage down in several ways and times each: ``python -m benchmarks.ingesting``.

Takes how many events, in what batches and how often; prints seconds and processor time of each way.
The rows of the bare COPY are packed beforehand: it is only what PostgreSQL needs to take them. The
worth of a request and the split over grants are made beforehand too: that is the gateway's work.
"""

import asyncio
import gc
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import django
import msgspec
import psycopg
from psycopg import AsyncConnection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connections  # noqa: E402 - Django must be set up before

from benchmarks import machine  # noqa: E402
from benchmarks.machine import Timed  # noqa: E402
from benchmarks.seeding import MONEY  # noqa: E402
from billing import funds  # noqa: E402
from billing.funds import LeasedGrant, Settled  # noqa: E402
from billing.models import CreditGrant  # noqa: E402
from billing.services import credits  # noqa: E402
from common.database import OWNER, SERVICE, service  # noqa: E402
from common.ids import uuid7, uuid7s  # noqa: E402
from metering.services import aggregation, ingestion  # noqa: E402
from tenants.models import Project, User  # noqa: E402
from tenants.services import api_keys, organizations  # noqa: E402

MODELS = ("atlas-mini", "atlas-large", "atlas-embed")
REGIONS = ("eu-paris", "eu-madrid")
KEYS = 4
#: The worth of a token of each part, so that amounts have as many decimals as real ones.
PRICES = {
    "input": Decimal("0.00000015"),
    "cached_input": Decimal("0.000000075"),
    "output": Decimal("0.0000006"),
}
POLICY = {"jurisdiction": "EU", "allowed_jurisdictions": [], "estimated": False}
PROCESS = "bench"
BARE_TABLE = f"""
CREATE TABLE bench_bare (
    id uuid, organization_id uuid, project_id uuid, api_key_id uuid, source text, event_id text,
    offer_id uuid, offer_name text, region text,
    {", ".join(f"{part} bigint" for part in ingestion.PARTS)}, price_ids jsonb, policy jsonb, outcome text,
    streamed boolean, ttft_ms integer, latency_ms integer, inter_token_us integer, occurred_at timestamptz,
    recorded_at timestamptz)
"""
PACK = "COPY bench_bare TO STDOUT (FORMAT binary)"
BARE = "COPY bench_bare FROM STDIN (FORMAT binary)"


class Task(msgspec.Struct):
    """What to write."""

    organizations: int
    events: int
    batches: list[int]
    rounds: int
    minutes: float


class Payer(msgspec.Struct):
    """One customer, and what the recording process holds of its credit."""

    organization_id: UUID
    project_id: UUID
    keys: list[UUID]
    leases: list[LeasedGrant]


Way = Callable[[AsyncConnection[Any], Sequence[Settled]], Awaitable[Any]]


async def deduplicated(conn: AsyncConnection[Any], batch: Sequence[Settled]) -> None:
    """Write the events that are new."""
    async with conn.pipeline(), conn.transaction():
        await ingestion.record(conn, [settled.event() for settled in batch])


async def summed(conn: AsyncConnection[Any], batch: Sequence[Settled]) -> None:
    """Write the events that are new, and their sums by quarter of an hour and by day."""
    async with conn.pipeline(), conn.transaction():
        intake = await ingestion.record(conn, [settled.event() for settled in batch])
        await aggregation.add(conn, intake.columns)


async def booked(conn: AsyncConnection[Any], batch: Sequence[Settled]) -> None:
    """Write all that a finished request leaves behind, as the gateway's recorder does."""
    await funds.record(conn, process_id=PROCESS, batch=batch)


async def repeated(conn: AsyncConnection[Any], batch: Sequence[Settled]) -> None:
    """Write a batch that stands there already."""
    recorded = await funds.record(conn, process_id=PROCESS, batch=batch)
    if recorded.accepted or recorded.conflicts:
        raise AssertionError("a batch written again was counted again")


#: In the order of a round; the last writes what the one before has written.
WAYS: dict[str, Way] = {
    "deduplicated": deduplicated,
    "summed": summed,
    "booked": booked,
    "repeated": repeated,
}


def people(count: int) -> list[tuple[UUID, UUID, list[UUID]]]:
    """Make customers with credit and keys."""
    found = []
    for number in range(count):
        owner = User.objects.create_user(f"owner-{number}@bench.example", "not used to sign in")
        organization = organizations.found(name=f"Customer {number}", owner=owner, country="FR")
        with service():
            credits.grant(
                organization,
                unit=CreditGrant.Unit.MONEY,
                quantity=MONEY,
                source_key="money",
                cost_basis=MONEY,
            )
            keys = [api_keys.create(organization, name="k", by=owner) for _ in range(KEYS)]
            project = Project.objects.get(organization=organization)
        found.append((organization.pk, project.pk, [key.api_key.pk for key in keys]))
    return found


async def payer(
    conn: AsyncConnection[Any], organization: UUID, project: UUID, keys: list[UUID]
) -> Payer:
    """Hold half of a customer's credit, as a busy gateway would."""
    leases = await funds.take(
        conn,
        process_id=PROCESS,
        organization_id=organization,
        token_class_id=None,
        currency="EUR",
        money_needed=MONEY / 2,
        tokens_needed=Decimal(0),
    )
    return Payer(organization, project, keys, leases)


class Requests:
    """Makes finished requests of the last minutes, with parts and prices like real ones."""

    def __init__(self, payers: Sequence[Payer], minutes: float) -> None:
        self._payers = payers
        self._minutes = minutes
        self._chance = random.Random(1)  # noqa: S311 - reproducible, not secret
        self._offers = {name: uuid7() for name in MODELS}
        self._prices = {name: {part: uuid7() for part in PRICES} for name in MODELS}

    def made(self, count: int) -> list[Settled]:
        """Return so many new ones."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Settled:
        draw = self._chance
        who, model = draw.choice(self._payers), draw.choice(MODELS)
        parts = {
            "input": draw.randrange(20, 4000),
            "cached_input": draw.choice((0, 0, 512)),
            "output": draw.randrange(1, 900),
            "reasoning": 0,
        }
        amounts = {part: PRICES[part] * count for part, count in parts.items() if count}
        paid = funds.split(who.leases, money=sum(amounts.values(), Decimal(0)), tokens=Decimal(0))
        return Settled(
            organization_id=who.organization_id,
            project_id=who.project_id,
            api_key_id=draw.choice(who.keys),
            event_id=f"req_{uuid7().hex}",
            occurred_at=datetime.now(UTC) - timedelta(minutes=self._minutes * draw.random()),
            offer_id=self._offers[model],
            offer_name=model,
            region=draw.choice(REGIONS),
            parts=parts,
            price_ids={part: self._prices[model][part] for part in amounts},
            amounts=amounts,
            allocations=list(paid.allocations),
            ttft_ms=draw.randrange(30, 400),
            latency_ms=draw.randrange(400, 5000),
            streamed=draw.random() < 0.7,
            policy=POLICY,
        )


class Bench:
    """One run."""

    def __init__(self, batch: int, conn: AsyncConnection[Any], bare: AsyncConnection[Any]) -> None:
        self._batch = batch
        self._conn, self._bare = conn, bare

    async def timed(
        self, way: Callable[[Any], Awaitable[Any]], batches: Sequence[Any], pid: int
    ) -> Timed:
        """Write the batches in one way and tell what that took."""
        python, postgres = time.process_time(), machine.cpu_ms(pid)
        started = time.perf_counter()
        for batch in batches:
            await way(batch)
        return Timed(
            seconds=time.perf_counter() - started,
            python_ms=(time.process_time() - python) * 1000,
            postgres_ms=machine.cpu_ms(pid) - postgres,
        )

    def batches(self, events: Sequence[Settled]) -> list[Sequence[Settled]]:
        """Cut the events as they will be sent."""
        size = self._batch
        return [events[start : start + size] for start in range(0, len(events), size)]

    async def copy(self, packed: bytes) -> None:
        """Write one batch as fast as PostgreSQL takes rows at all."""
        async with (
            self._bare.transaction(),
            self._bare.cursor() as cursor,
            cursor.copy(BARE) as copy,
        ):
            await copy.write(packed)

    async def packed(self, batch: Sequence[Settled]) -> bytes:
        """Return the batch as COPY takes it: the rows that stand in the table of events."""
        columns = ingestion.columns([settled.event() for settled in batch], uuid7s(len(batch)))
        await self._bare.execute("TRUNCATE bench_bare")
        await self._bare.execute(f"INSERT INTO bench_bare {ingestion.SELECT_EVENTS}", columns)
        parts = []
        async with self._bare.cursor() as cursor, cursor.copy(PACK) as copy:
            async for block in copy:
                parts.append(bytes(block))  # noqa: PERF401 - an asynchronous loop
        return b"".join(parts)

    async def round(self, requests: Requests, events: int) -> dict[str, Timed]:
        """Write so many events in every way."""
        found = {}
        fresh = self.batches(requests.made(events))
        packed = [await self.packed(batch) for batch in fresh]
        await self._bare.execute("TRUNCATE bench_bare")
        found["bare"] = await self.timed(self.copy, packed, self._bare.info.backend_pid)
        for name, way in WAYS.items():
            if name != "repeated":
                fresh = self.batches(requests.made(events))
            found[name] = await self.timed(
                partial(way, self._conn), fresh, self._conn.info.backend_pid
            )
        return found


async def measure(task: Task, customers: Sequence[tuple[UUID, UUID, list[UUID]]]) -> list[Any]:
    """Warm up, then run the rounds, for each size of batch."""
    as_service = connections[SERVICE].get_connection_params()
    as_owner = connections[OWNER].get_connection_params()
    async with (
        await _connect(as_service) as conn,
        await _connect(as_owner) as bare,
    ):
        await bare.execute(BARE_TABLE)
        payers = [await payer(conn, *customer) for customer in customers]
        requests, found = Requests(payers, task.minutes), []
        # As in the gateway: what lives for ever is not looked through again and again.
        gc.freeze()
        for batch in task.batches:
            bench = Bench(batch, conn, bare)
            await bench.round(requests, batch)
            rounds = [await bench.round(requests, task.events) for _ in range(task.rounds)]
            found.append({"batch": batch, "rounds": rounds})
        await funds.reclaim(conn, process_id=PROCESS)
    return found


async def _connect(parameters: dict[str, Any]) -> AsyncConnection[Any]:
    names = ("host", "port", "user", "password", "dbname")
    wanted = {name: parameters[name] for name in names if parameters.get(name)}
    return await psycopg.AsyncConnection.connect(**wanted, autocommit=True)


def main() -> None:
    """Measure and print."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    customers = people(task.organizations)
    rounds = asyncio.run(measure(task, customers))
    sys.stdout.buffer.write(msgspec.json.encode(rounds))


if __name__ == "__main__":
    main()
