"""Carries usage from the journal into PostgreSQL: one transaction per batch, one batch at a time.

A flush starts a moment after an event, or as soon as the one before has returned. While PostgreSQL
is away events wait here and in the journal; when too many wait, admission closes.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from billing import funds
from billing.funds import Settled
from gateway.errors import Unavailable
from gateway.journal import Journal, leftovers
from gateway.metrics import METRICS

logger = logging.getLogger(__name__)

#: So long the first event of a batch waits for others: a transaction costs more than an event.
PAUSE = 0.2
#: The same when answers wait for PostgreSQL.
COMMIT_PAUSE = 0.002
RETRY = 1.0
LARGEST_BATCH = 500
#: Above this many waiting events no further request is admitted.
MOST_WAITING = 20_000
TROUBLE = (psycopg.Error, PoolTimeout, OSError)
#: Of such an event itself; trying again does not help.
REFUSED = (psycopg.IntegrityError, psycopg.DataError)


class Recorder:
    """The present process's way of writing usage down."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], journal: Journal, process_id: str, *, commit: bool
    ) -> None:
        self._pool = pool
        self._journal = journal
        self._process_id = process_id
        self._commit = commit
        #: Each with who waits until it is in PostgreSQL, if anybody does.
        self._waiting: list[tuple[Settled, asyncio.Future[None] | None]] = []
        self._open: dict[str, Settled] = {}
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many events are not in PostgreSQL yet."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Tell whether so much waits that nothing new may be admitted."""
        return self.waiting >= MOST_WAITING

    def unrecorded(self) -> Iterator[Settled]:
        """Yield the events that are not in PostgreSQL yet."""
        return (settled for settled, _done in self._waiting)

    def check(self) -> None:
        """Refuse new work while too much is still to be written."""
        if self.is_full:
            raise Unavailable("Usage cannot be recorded at present. Try again in a minute.")

    def progress(self, settled: Settled) -> None:
        """Write down what a stream in flight has delivered so far; the last line counts."""
        self._open[settled.event_id] = settled
        self._note(settled)

    async def settle(self, settled: Settled) -> None:
        """Write the event down for good; with commit durability, wait for PostgreSQL.

        So does an event that the journal cannot take: it is nowhere else until then.
        """
        noted = self._note(settled)
        self._open.pop(settled.event_id, None)
        done: asyncio.Future[None] | None = None
        if self._commit or not noted:
            done = asyncio.get_running_loop().create_future()
        self._waiting.append((settled, done))
        self._news.set()
        if done is not None:
            await asyncio.shield(done)

    def _note(self, settled: Settled) -> bool:
        """Write into the journal, if the disk allows; what was delivered counts all the same."""
        try:
            self._journal.write(settled)
        except OSError as error:
            logger.error("the journal cannot be written: %r", error)  # noqa: TRY400 - told at length
            return False
        return True

    async def run(self) -> None:
        """Flush for ever; a failed flush is tried again with the same batch."""
        while True:
            await self._news.wait()
            # The more arrive in this moment, the fewer transactions are needed.
            await asyncio.sleep(COMMIT_PAUSE if self._commit else PAUSE)
            try:
                await self.flush()
            except TROUBLE as error:
                METRICS.put_off += 1
                logger.warning("usage waits for PostgreSQL: %s events, %s", self.waiting, error)
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("usage waits, and somebody should look: %s events", self.waiting)
                await asyncio.sleep(RETRY)

    async def flush(self) -> None:
        """Record everything that waits."""
        while self._waiting:
            batch = self._waiting[:LARGEST_BATCH]
            began = time.monotonic()
            await self._record(self._process_id, [settled for settled, _done in batch])
            METRICS.recorded(len(batch), time.monotonic() - began)
            del self._waiting[: len(batch)]
            for _settled, done in batch:
                if done is not None and not done.done():
                    done.set_result(None)
            self._journal.compact([*self._open.values(), *(each for each, _ in self._waiting)])
        self._news.clear()

    async def _record(self, process_id: str, batch: list[Settled]) -> None:
        """Record a batch; an event that PostgreSQL will never take is set aside, not waited for."""
        try:
            async with self._pool.connection() as connection:
                await funds.record(connection, process_id=process_id, batch=batch)
        except REFUSED as error:
            if len(batch) == 1:
                logger.exception("usage refused, set aside: %s", batch[0].event_id)
                self._journal.set_aside(batch[0], str(error))
                return
            middle = len(batch) // 2
            await self._record(process_id, batch[:middle])
            await self._record(process_id, batch[middle:])

    async def replay(self) -> None:
        """Record what ended processes of this host left in their journals, and free their leases."""
        for leftover in leftovers(self._journal.path.parent):
            recorded = False
            try:
                await self._replay(leftover.process_id, leftover.events())
                recorded = True
            except TROUBLE as error:
                logger.warning("journal %s waits: %s", leftover.process_id, error)
            finally:
                leftover.close(remove=recorded)

    async def _replay(self, process_id: str, events: list[Settled]) -> None:
        for start in range(0, len(events), LARGEST_BATCH):
            await self._record(process_id, events[start : start + LARGEST_BATCH])
        async with self._pool.connection() as connection:
            await funds.reclaim(connection, process_id=process_id)
        logger.warning("journal %s replayed: %s events", process_id, len(events))
