"""The gateway's parts, put together once per process, and what runs beside the requests."""

import asyncio
import logging
import select
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg
import redis.asyncio as redis
from django.conf import settings
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from redis.exceptions import RedisError

from billing import funds
from common import database
from common.ids import uuid7
from gateway.breaker import Engine
from gateway.counter import Counter
from gateway.failures import FAILURES
from gateway.inference import Inference
from gateway.journal import Journal
from gateway.keys import Caller, KeyDirectory
from gateway.limits import Limits
from gateway.metrics import METRICS
from gateway.metrics_port import MetricsPort
from gateway.offers import OfferDirectory
from gateway.purses import Purses
from gateway.recalls import Recalls
from gateway.recorder import Recorder
from gateway.trials import TALLIES
from gateway.upstreams.openai_compatible import OpenAICompatible
from gateway.watching import LOG, TRACING

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 8
#: So many of them serve those who read their spend and receipts, which no limit holds back.
MOST_READERS = 3
HEARTBEAT = 5.0
IDLE_CHECK = 1.0
REPLAY_EVERY = 5.0
TALLIES_EVERY = 2.0
REDIS_PATIENCE = 0.25
EMPTIED_EVERY = 0.1
CANCEL_AGAIN = 1.0
PROBE_PATIENCE = 1.0
TROUBLE = (psycopg.Error, PoolTimeout, RedisError, OSError)


def top_up_link(caller: Caller) -> str:
    """Return where the caller's people can buy credit."""
    return f"{settings.PUBLIC_URL}/o/{caller.organization_slug}/billing/"


class Core:
    """Everything that lives as long as the process."""

    def __init__(self, folder: Path) -> None:
        self.process_id = uuid7().hex
        self.pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]](
            kwargs=database.service_parameters(),
            min_size=1,
            max_size=MOST_CONNECTIONS,
            open=False,
            timeout=5,
            # Given up early and begun anew by the next request: the pool's own pauses grow to half
            # a minute, in which a PostgreSQL that is back would go unnoticed.
            reconnect_timeout=1,
            check=self._check,
        )
        self.reading = asyncio.Semaphore(MOST_READERS)
        self.redis: redis.Redis = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=REDIS_PATIENCE,
            socket_connect_timeout=REDIS_PATIENCE,
            max_connections=256,
        )
        self._listening: redis.Redis = redis.Redis.from_url(settings.REDIS_URL)
        self.keys = KeyDirectory(self.pool)
        self.offers = OfferDirectory()
        self.journal = Journal(folder, self.process_id)
        self.recorder = Recorder(
            self.pool,
            self.journal,
            self.process_id,
            commit=settings.METERING_DURABILITY == "commit",
        )
        self.recalls = Recalls(self.redis, self.process_id, self._listening)
        self.purses = Purses(self.pool, self.process_id, self.recalls)
        self.upstream = OpenAICompatible()
        self.limits = Limits(self.redis, patience=REDIS_PATIENCE)
        self.counter = Counter()
        self.inference = Inference(
            limits=self.limits,
            purses=self.purses,
            recorder=self.recorder,
            upstream=self.upstream,
            top_up_link=top_up_link,
            counter=self.counter,
        )
        self.draining = False
        self._metrics_port = MetricsPort(self, settings.METRICS_TOKEN)
        self._emptied_at = 0.0
        self._probe: asyncio.Task[bool] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def _check(self, connection: psycopg.AsyncConnection[TupleRow]) -> None:
        """Find out whether a connection still works; one that does not takes the idle ones along.

        When PostgreSQL was restarted all are broken. Looked at one by one, with the pool's pauses
        between, they would cost requests their patience. One on which nothing has come is as good as
        when it was last used: a server that ends says so, and asking it would cost a round trip.
        """
        try:
            if not _is_silent(connection):
                await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            if time.monotonic() - self._emptied_at > EMPTIED_EVERY:
                self._emptied_at = time.monotonic()
                await self.pool.drain()
            raise

    async def start(self) -> None:
        """Begin; what an ended process left in its journal is recorded first."""
        TRACING.start()
        if settings.METRICS_ADDRESS:
            await self._metrics_port.open(*settings.METRICS_ADDRESS)
        await self.pool.open()
        await self._try(self.recorder.replay)
        self._tasks = [
            asyncio.create_task(self.recorder.run()),
            asyncio.create_task(self.recalls.listen(self._answer_recall)),
            asyncio.create_task(self._every(IDLE_CHECK, self._tidy)),
            asyncio.create_task(self._every(HEARTBEAT, self._heartbeat)),
            asyncio.create_task(self._every(HEARTBEAT, self.limits.renew)),
            asyncio.create_task(self._every(REPLAY_EVERY, self.recorder.replay)),
            asyncio.create_task(self._every(TALLIES_EVERY, self._save_tallies)),
            asyncio.create_task(self._every(REPLAY_EVERY, self._write_failures)),
        ]

    async def stop(self) -> None:
        """Record what waits, give back all credit, let go of everything."""
        self.draining = True
        await _end(self._tasks)
        await self.inference.close()
        await self._try(self._save_tallies)
        await self._try(self._write_failures)
        clean = await self._try(self.recorder.flush) and await self._try(self._free)
        self.journal.close(remove=clean)
        self._metrics_port.close()
        await LOG.flush()
        await asyncio.to_thread(TRACING.stop)
        await self.counter.close()
        await self.upstream.close()
        await self.limits.close()
        await self.redis.aclose()
        await self._listening.aclose()
        await self.pool.close()

    async def _save_tallies(self) -> None:
        await TALLIES.save(self.pool)

    async def _free(self) -> None:
        await self.purses.give_back()
        async with self.pool.connection() as connection:
            await funds.reclaim(connection, process_id=self.process_id)

    async def _answer_recall(self, organization_id: UUID) -> int:
        METRICS.recalls_answered += 1
        returned = 0

        async def give_back() -> None:
            nonlocal returned
            returned = await self.purses.give_back(organization_id)

        # What failed may have moved something all the same.
        return returned if await self._try(give_back) else 1

    async def _tidy(self) -> None:
        self.counter.tidy()
        await self.purses.give_back_idle()
        await self.purses.reclaim_strays(self.recorder.unrecorded())

    async def _heartbeat(self) -> None:
        async with self.pool.connection() as connection:
            await funds.heartbeat(connection, process_id=self.process_id)

    async def _write_failures(self) -> None:
        await FAILURES.write(self.pool, self.process_id)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._try(work)

    async def _try(self, work: Callable[[], Awaitable[object]]) -> bool:
        try:
            await work()
        except TROUBLE as error:
            logger.warning("put off: %r", error)
            return False
        except Exception:
            # What runs beside the requests must not end with its first surprise.
            logger.exception("put off, and somebody should look")
            return False
        return True

    @property
    def engines(self) -> Iterable[Engine]:
        """Return the engines that were asked."""
        return self.inference.engines

    @property
    def waiting(self) -> int:
        """Return how many events are not in PostgreSQL yet."""
        return self.recorder.waiting

    @property
    def journal_bytes(self) -> int:
        """Return the size of the journal."""
        return self.journal.size

    async def parts(self) -> dict[str, str]:
        """Return whether each thing this process needs can be reached now; within a second or so."""
        database, redis_ = await asyncio.gather(self._answers(), self._pings())
        names = {True: "ok", False: "unreachable"}
        return {"database": names[database], "redis": names[redis_]}

    async def _answers(self) -> bool:
        """Tell whether PostgreSQL answers.

        A question to one that is frozen cannot be taken back: it is left to itself, and whoever
        asks meanwhile waits for the same answer.
        """
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask_database())
        answered, _late = await asyncio.wait({self._probe}, timeout=PROBE_PATIENCE)
        return bool(answered) and self._probe.result()

    async def _ask_database(self) -> bool:
        try:
            async with self.pool.connection(timeout=PROBE_PATIENCE) as connection:
                await connection.execute("SELECT 1")
        except TROUBLE:
            return False
        return True

    async def _pings(self) -> bool:
        with suppress(*TROUBLE, TimeoutError):
            async with asyncio.timeout(PROBE_PATIENCE):
                await self.redis.ping()
                return True
        return False


def _is_silent(connection: psycopg.AsyncConnection[TupleRow]) -> bool:
    """Tell whether nothing has come since the connection was last used: neither a word nor its end."""
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    return not looking.poll(0)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks until all have ended: a library may swallow it while it connects."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _done, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)
