"""Runs lines of a batch for a while: several at once, each through the gateway's own core."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO
from uuid import UUID

import msgspec
import psycopg
from django.conf import settings
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from files import blobs
from gateway import calls
from gateway.batches import standing
from gateway.batches.collected import Collected
from gateway.batches.core import BatchCore, for_batches
from gateway.batches.endpoints import ENDPOINTS
from gateway.batches.lines import LeaseLost, Lines, Outcome, Waiting
from gateway.endpoints import Endpoint
from gateway.errors import GatewayError, Internal
from gateway.keys import Caller
from gateway.models import BatchStatus, request_id
from gateway.recorder import REFUSED

logger = logging.getLogger(__name__)

#: So long one worker begins lines of one batch, then others have their turn.
SLICE = 60.0
#: How long lines that run then may take to end: a long answer of a busy engine takes minutes.
GRACE = 1200.0
HEARTBEAT = 2.0
PAUSE = 0.1
#: Refusals that pass by themselves, or once credit is bought; tried again until the window closes.
PASSING = frozenset({402, 429, 503})
#: An engine's failure may be the line's own fault: so often it is tried.
FAILING = frozenset({500, 502})
MOST_FAILURES = 5
TROUBLE = (psycopg.Error, PoolTimeout, DatabaseError, TimeoutError)


class End(StrEnum):
    """Why work on a batch ended for now."""

    DONE = "done"
    MORE = "more"
    REFUSED = "refused"
    UNWANTED = "unwanted"
    FORBIDDEN = "forbidden"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Job:
    """A batch as the holder of its lease runs it."""

    batch_id: UUID
    organization_id: UUID
    api_key_id: UUID
    lease: UUID
    endpoint: str
    blob: blobs.Blob
    usage: dict[str, int]
    #: How many seconds are left to its window.
    seconds: float


@dataclass(slots=True)
class Report:
    """How the work went."""

    end: End = End.DONE
    #: Why it may not go on.
    reason: GatewayError | None = None
    written: int = 0


def run(job: Job) -> Report:
    """Run lines until there are none, time is up, or something forbids more."""
    return asyncio.run(_run(job))


async def _run(job: Job) -> Report:
    core = BatchCore(Path(settings.STATE_DIR) / "journal")
    await core.start()
    try:
        with blobs.open_blob(job.blob) as content:
            return await Work(core, job, content).run()
    finally:
        await core.stop()


@dataclass(slots=True)
class _Desk:
    """What is on the way: lines taken up, and outcomes that are still to be written."""

    lines: list[Waiting] = field(default_factory=list)
    finished: list[Outcome] = field(default_factory=list)
    put_off: list[Outcome] = field(default_factory=list)


class Work:
    """One worker's while with one batch."""

    def __init__(self, core: BatchCore, job: Job, content: IO[bytes]) -> None:
        self._core = core
        self._job = job
        self._content = content
        self._endpoint: Endpoint = ENDPOINTS[job.endpoint]
        self._lines = Lines(job.batch_id, job.lease, job.usage)
        self._desk = _Desk()
        self._report = Report()
        self._stopping = False
        self._turn = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._caller: Caller
        self._ends_at = time.monotonic() + min(SLICE, job.seconds)

    async def run(self) -> Report:
        """Work until the end, and write down what was answered."""
        await self._look()
        runners = [
            asyncio.create_task(self._runner()) for _place in range(settings.BATCH_LINES_AT_ONCE)
        ]
        writer = asyncio.create_task(self._write_on())
        watcher = asyncio.create_task(self._watch(runners))
        try:
            left = self._ends_at - time.monotonic() + GRACE
            _ended, late = await asyncio.wait(runners, timeout=left)
            if late:
                self._stop(End.MORE)
        finally:
            for task in (*runners, writer, watcher):
                task.cancel()
            ended = await asyncio.gather(*runners, return_exceptions=True)
            await asyncio.gather(writer, watcher, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        if self._report.end != End.LOST:
            with self._losing():
                await self._write()
        return self._report

    async def _watch(self, runners: list[asyncio.Task[None]]) -> None:
        """Keep the lease; let go of all lines when the batch is not wanted or not ours any more."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            with suppress(*TROUBLE):
                await self._look()
            if self._report.end in (End.UNWANTED, End.FORBIDDEN, End.LOST):
                for task in runners:
                    task.cancel()

    async def _look(self) -> None:
        """Find out whether the work may go on, and who calls."""
        with self._losing():
            async with self._core.pool.connection() as connection:
                status = await self._lines.keep(connection)
                if status != BatchStatus.IN_PROGRESS:
                    self._stop(End.UNWANTED)
                try:
                    self._caller = await standing.still(connection, self._job.api_key_id)
                except GatewayError as error:
                    self._report.reason = error
                    self._stop(End.FORBIDDEN)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Stop when another worker has the batch."""
        try:
            yield
        except LeaseLost:
            logger.warning("batch %s is another worker's now", self._job.batch_id)
            self._stop(End.LOST)

    def _stop(self, end: End) -> None:
        self._stopping = True
        if self._report.end in (End.DONE, End.MORE, End.REFUSED):
            self._report.end = end

    async def _runner(self) -> None:
        while (line := await self._take()) is not None:
            await self._one(line)

    async def _take(self) -> Waiting | None:
        """Return the next line, unless there is none or no more are to be begun."""
        async with self._turn:
            if not self._stopping and time.monotonic() > self._ends_at:
                self._stop(End.MORE)
            if self._stopping:
                return None
            if not self._desk.lines:
                async with self._core.pool.connection() as connection:
                    self._desk.lines = (await self._lines.next(connection))[::-1]
            return self._desk.lines.pop() if self._desk.lines else None

    async def _one(self, line: Waiting) -> None:
        """Call the line; its outcome is final, or the batch rests for a while."""
        exchange = Collected(request_id(self._job.batch_id.hex, line.number), self._job.endpoint)
        exchange.envelope = self._endpoint.envelope
        try:
            await self._call(exchange, line)
        except GatewayError as error:
            await exchange.refuse(error)
        except TROUBLE as error:
            logger.warning("line %s waits: %r", exchange.id, error)
            self._stop(End.REFUSED)
            return
        except Exception:
            logger.exception("line %s failed", exchange.id)
            await exchange.refuse(Internal(f"The gateway failed. Tell support {exchange.id}."))
        settled = self._core.books.of(exchange.id)
        outcome = Outcome(line.number, exchange.status, exchange.content, settled)
        if _may_pass(outcome, line):
            self._desk.put_off.append(outcome)
            self._stop(End.REFUSED)
        else:
            self._desk.finished.append(outcome)

    async def _call(self, exchange: Collected, line: Waiting) -> None:
        caller = self._caller
        async with self._reading:
            raw = await asyncio.to_thread(self._read, line)
        body = calls.decode(raw)["body"]
        offer = for_batches(await self._core.offers.named(caller, calls.text(body, "model")))
        await self._core.inference.serve(exchange, self._endpoint, caller, offer, body)

    def _read(self, line: Waiting) -> bytes:
        self._content.seek(line.begins)
        return self._content.read(line.size)

    async def _write_on(self) -> None:
        """Write what is finished as it comes; who finishes meanwhile shares the next transaction."""
        while True:
            await asyncio.sleep(PAUSE)
            with self._losing(), suppress(*TROUBLE):
                await asyncio.shield(self._write())

    async def _write(self) -> None:
        """Write all that is finished, and nothing twice."""
        desk = self._desk
        async with self._writing:
            if batch := desk.finished[:]:
                await self._record(batch)
                del desk.finished[: len(batch)]
                self._report.written += len(batch)
                for outcome in batch:
                    self._core.books.forget(request_id(self._job.batch_id.hex, outcome.number))
            if put_off := desk.put_off[:]:
                async with self._core.pool.connection() as connection:
                    await self._lines.put_off(connection, put_off)
                del desk.put_off[: len(put_off)]

    async def _record(self, batch: list[Outcome]) -> None:
        """Write a batch; usage that PostgreSQL will never take is set aside, its answer kept."""
        try:
            async with self._core.pool.connection() as connection:
                await self._lines.write(connection, self._core.process_id, batch)
        except REFUSED as error:
            if len(batch) == 1 and batch[0].settled is not None:
                logger.exception("usage refused, set aside: %s", batch[0].settled.event_id)
                self._core.journal.set_aside(batch[0].settled, str(error))
                batch = [msgspec.structs.replace(batch[0], settled=None)]
                await self._record(batch)
                return
            if len(batch) == 1:
                raise
            for outcome in batch:
                await self._record([outcome])


def _may_pass(outcome: Outcome, line: Waiting) -> bool:
    """Tell whether the line is worth another try."""
    if outcome.status in FAILING:
        return line.tries + 1 < MOST_FAILURES
    return outcome.status in PASSING
