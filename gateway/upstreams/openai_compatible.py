"""Any OpenAI-compatible server (vLLM, NIM, Ollama, the demo engine) over a kept-alive pool."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from gateway.upstreams.base import NOTHING, USUAL, Patience, UpstreamError
from gateway.upstreams.connections import READ_AT_ONCE, Broken, EngineConnection

#: Shorter than the five seconds after which uvicorn, and with it most engines, ends an idle
#: connection: a request sent into that moment would come back as a failure.
IDLE = 4.0
TICK = 0.5
CONTROL = frozenset(map(chr, range(32))) | {"\x7f"}


class Place(msgspec.Struct, frozen=True):
    """Where a server listens."""

    host: str
    port: int
    is_encrypted: bool


class OpenAIAnswer:
    """An answer over HTTP."""

    def __init__(
        self, pool: "OpenAICompatible", place: Place, connection: EngineConnection, idle: float
    ) -> None:
        self._pool = pool
        self._place = place
        self._connection = connection
        self._idle = idle
        self.status = connection.status

    async def _part(self) -> bytes:
        connection = self._connection
        if not connection.is_complete:
            connection.deadline = self._pool.now + self._idle
        return await connection.part()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        while part := await self._part():
            # Whoever takes it may be slow, and that is not the engine's fault.
            self._connection.deadline = float("inf")
            yield part

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        first = await self._part()
        if self._connection.is_complete and len(first) <= limit:
            return first + await self._connection.part()
        parts, size = [first], len(first)
        while part := await self._part():
            size += len(part)
            if size > limit:
                raise UpstreamError("the answer is too large", reached=True)
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """Give a finished connection back to the pool, cut an unfinished one."""
        self._pool.release(self._place, self._connection)


class OpenAICompatible:
    """A pool of connections to all engines of this process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        #: A clock that is set twice a second: patience needs no better one.
        self.now = self._loop.time()
        self._idle: defaultdict[Place, list[EngineConnection]] = defaultdict(list)
        self._busy: set[EngineConnection] = set()
        self._buffer = bytearray(READ_AT_ONCE)
        self._ticking: asyncio.TimerHandle | None = None

    async def post(
        self,
        base_url: str,
        credential: str,
        path: str,
        body: bytes,
        patience: Patience = USUAL,
        headers: Mapping[str, str] = NOTHING,
    ) -> OpenAIAnswer:
        """Send the body; redirects are not followed, so a credential goes nowhere else."""
        place, head = _head(base_url, credential, path)
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = b"%b%bcontent-length: %d\r\n\r\n%b" % (head, more.encode(), len(body), body)
        while True:
            connection = self._take(place) or await self._connect(place, patience.connect)
            try:
                return await self._begin(place, connection, request, patience)
            except Broken:
                # It was closed while it lay idle; the next one may be new.
                continue

    async def _begin(
        self, place: Place, connection: EngineConnection, request: bytes, patience: Patience
    ) -> OpenAIAnswer:
        self._busy.add(connection)
        self._tick_on()
        connection.ask(request)
        connection.deadline = self.now + patience.first_byte + TICK
        try:
            await connection.begin()
            answer = OpenAIAnswer(self, place, connection, patience.idle + TICK)
            if answer.status == 200 and connection.is_empty:
                raise UpstreamError("the answer is empty", reached=True)
        except BaseException:
            self._busy.discard(connection)
            connection.abort()
            raise
        return answer

    def _take(self, place: Place) -> EngineConnection | None:
        idle = self._idle[place]
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.idle_since + IDLE > self._loop.time():
                return connection
            connection.abort()
        return None

    async def _connect(self, place: Place, patience: float) -> EngineConnection:
        try:
            async with asyncio.timeout(patience):
                _transport, connection = await self._loop.create_connection(
                    lambda: EngineConnection(self._buffer),
                    place.host,
                    place.port,
                    ssl=_trust() if place.is_encrypted else None,
                )
        except (OSError, TimeoutError) as error:
            raise UpstreamError(f"no connection: {error}", reached=False) from error
        return connection

    def release(self, place: Place, connection: EngineConnection) -> None:
        """Take a connection back when its answer was read to the end; hang up otherwise."""
        self._busy.discard(connection)
        if connection.is_reusable:
            connection.idle_since = self._loop.time()
            self._idle[place].append(connection)
        else:
            connection.abort()

    def _tick_on(self) -> None:
        if self._ticking is None:
            self.now = self._loop.time()
            self._ticking = self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        """Set the clock, give up what keeps us waiting, and close what lies idle."""
        self._ticking = None
        now = self.now = self._loop.time()
        for connection in [each for each in self._busy if each.deadline < now]:
            connection.fail("it fell silent")
        for place, idle in list(self._idle.items()):
            kept = [each for each in idle if each.is_open and each.idle_since + IDLE > now]
            _hang_up(set(idle).difference(kept))
            if kept:
                self._idle[place] = kept
            else:
                del self._idle[place]
        if self._busy or self._idle:
            self._tick_on()

    async def close(self) -> None:
        """Close all connections."""
        if self._ticking is not None:
            self._ticking.cancel()
        _hang_up(self._busy)
        for idle in self._idle.values():
            _hang_up(idle)
        self._idle.clear()


def _hang_up(connections: Iterable[EngineConnection]) -> None:
    for connection in connections:
        connection.abort()


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1000)
def _head(base_url: str, credential: str, path: str) -> tuple[Place, bytes]:
    """Return where to connect, and a request's head up to what changes from one to the next."""
    parts = urlsplit(base_url)
    is_encrypted = parts.scheme == "https"
    if not parts.hostname or CONTROL & set(base_url + credential + path):
        raise UpstreamError("the server's address cannot be used", reached=False)
    place = Place(parts.hostname, parts.port or (443 if is_encrypted else 80), is_encrypted)
    host = parts.netloc.rpartition("@")[2]
    lines = [
        f"POST {parts.path.rstrip('/')}{path} HTTP/1.1",
        f"host: {host}",
        "content-type: application/json",
        "accept-encoding: identity",
    ]
    if credential:
        lines.append(f"authorization: Bearer {credential}")
    return place, ("\r\n".join(lines) + "\r\n").encode("latin-1")
