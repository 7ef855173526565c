"""The load generator: ``python -m benchmarks.load`` takes a plan on its input and prints what it saw.

A process of its own on uvloop and httptools, so that what it costs stays small and apart. Loopback
only.
"""

import asyncio
import gc
import ipaddress
import itertools
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import cast

import httptools
import msgspec
import uvloop

TOTAL = re.compile(rb'"total_tokens":(\d+)')
#: Calls still running when the time is over may take this long to end.
GRACE = 60.0
#: Opened before the first call at a rate; more are opened as they are needed.
CONNECTIONS = 16


class Plan(msgspec.Struct):
    """What to call, how, and for how long."""

    port: int
    path: str
    #: Taken in turn; each call has one key and one body.
    keys: list[str]
    bodies: list[str]
    seconds: float
    #: So many callers, each with the next call as soon as the last has ended …
    callers: int = 0
    #: … or calls at this rate however long they take.
    per_second: float = 0
    #: The end comes after so many calls, however much time is left.
    most_calls: int = 10_000_000
    #: After the first part of its answer a caller reads nothing for so many seconds.
    reads_after: float = 0


class Spread(msgspec.Struct):
    """How a measure is spread, in milliseconds."""

    p50: float
    p95: float
    p99: float
    mean: float
    largest: float


class Seen(msgspec.Struct):
    """What the callers saw."""

    calls: int
    good: int
    statuses: dict[str, int]
    tokens: int
    seconds: float
    latency_ms: Spread
    #: Until the first byte of the body.
    first_ms: Spread
    cpu_ms: float


class Connection(asyncio.Protocol):
    """A kept-alive connection with one call at a time."""

    def __init__(self, reads_after: float = 0) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[None] | None = None
        self._reads_after = reads_after

    async def call(self, request: bytes) -> None:
        """Send the request and wait for the whole answer."""
        self.tail, self.first_at = b"", 0.0
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Note when the first part came, and keep the last ones: usage stands there."""
        if self._reads_after and not self.first_at:
            self._transport.pause_reading()
            loop = asyncio.get_running_loop()
            loop.call_later(self._reads_after, self._transport.resume_reading)
        self.first_at = self.first_at or time.perf_counter()
        self.tail = (self.tail + body)[-2000:]

    def on_message_complete(self) -> None:
        """End the call."""
        self.status = self._parser.get_status_code()
        is_kept = self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)
        if not is_kept:
            self._transport.close()
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the call that waits."""
        self._end(error or ConnectionResetError("closed in the middle of an answer"))

    def _end(self, error: Exception | None) -> None:
        done, self._done = self._done, None
        if done is None or done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    @property
    def is_open(self) -> bool:
        """Tell whether another call can be made."""
        return not self._transport.is_closing()


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = requests(plan)
        self.idle: list[Connection] = []
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.tokens = 0

    async def run(self) -> Seen:
        """Call until the time is over, and wait for what is still running."""
        self.idle = [await self._connect() for _ in range(self.plan.callers or CONNECTIONS)]
        started, cpu = time.perf_counter(), time.process_time()
        running = self._at_rate(started) if self.plan.per_second else self._in_turn(started)
        await asyncio.wait_for(running, self.plan.seconds + GRACE)
        seconds = time.perf_counter() - started
        for connection in self.idle:
            connection.close()
        return Seen(
            calls=sum(self.statuses.values()),
            good=self.statuses["200"],
            statuses=dict(self.statuses),
            tokens=self.tokens,
            seconds=round(seconds, 3),
            latency_ms=spread(self.latencies),
            first_ms=spread(self.firsts),
            cpu_ms=round((time.process_time() - cpu) * 1000, 1),
        )

    async def _in_turn(self, started: float) -> None:
        end = started + self.plan.seconds
        left = itertools.count(self.plan.most_calls - 1, -1)

        async def caller() -> None:
            while time.perf_counter() < end and next(left) >= 0:
                await self._call()

        await asyncio.gather(*(caller() for _ in range(self.plan.callers)))

    async def _at_rate(self, started: float) -> None:
        """Begin each call when its time has come, whatever has become of those before."""
        count = min(self.plan.most_calls, int(self.plan.seconds * self.plan.per_second))
        calls = []
        for number in range(count):
            due = started + number / self.plan.per_second
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            calls.append(asyncio.create_task(self._call()))
        await asyncio.gather(*calls)

    async def _call(self) -> None:
        begun = time.perf_counter()
        try:
            connection = self.idle.pop() if self.idle else await self._connect()
            await connection.call(next(self.requests))
        except OSError as error:
            self.statuses[type(error).__name__] += 1
            return
        now = time.perf_counter()
        self.statuses[str(connection.status)] += 1
        self.latencies.append(now - begun)
        self.firsts.append((connection.first_at or now) - begun)
        if found := TOTAL.findall(connection.tail):
            self.tokens += int(found[-1])
        if connection.is_open:
            self.idle.append(connection)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        host = str(ipaddress.IPv4Address("127.0.0.1"))
        _transport, connection = await loop.create_connection(
            lambda: Connection(self.plan.reads_after), host, self.plan.port
        )
        return connection


def requests(plan: Plan) -> Iterator[bytes]:
    """Return the plan's requests over and over, written out once."""
    head = "POST {} HTTP/1.1\r\nhost: localhost:{}\r\nauthorization: Bearer {}\r\n"
    head += "content-type: application/json\r\ncontent-length: {}\r\n\r\n{}"
    return itertools.cycle(
        head.format(plan.path, plan.port, key, len(body.encode()), body).encode()
        for key in plan.keys
        for body in plan.bodies
    )


def spread(seconds: list[float]) -> Spread:
    """Return the spread of these times."""
    if not seconds:
        return Spread(0, 0, 0, 0, 0)
    ordered = [each * 1000 for each in sorted(seconds)]
    p50, p95, p99 = (ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 95, 99))
    mean = sum(ordered) / len(ordered)
    return Spread(*(round(each, 3) for each in (p50, p95, p99, mean, ordered[-1])))


def main() -> None:
    """Run the plan that stands on the input."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    gc.disable()
    seen = uvloop.run(Load(plan).run())
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
