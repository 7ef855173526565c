"""HTTP/1.1 on the gateway's own port: connections that read requests and hand them over in turn.

httptools parses; what stands here is order, limits and patience. A request is answered by one task;
what a client pipelines behind it waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

import httptools

from gateway.errors import GatewayError, InvalidRequest
from gateway.exchange import JSON, LARGEST_BODY, Exchange, Message
from gateway.proxies import Proxies
from gateway.wire import HEAD_PATIENCE, LARGEST_HEAD

#: Seconds an idle connection is kept: longer than clients and load balancers keep theirs, so that
#: it is they who end it, and no request is sent into an ending connection.
KEEP_ALIVE = 75.0
#: A client that takes nothing of its answer for so long has gone.
WRITE_PATIENCE = 120.0
#: So much of a body may come before anybody asks for it.
READ_AHEAD = 64 * 1024
#: So much of an answer waits for a slow client.
WRITE_AHEAD = 64 * 1024
#: Requests that may wait behind the present one.
MOST_PIPELINED = 16
#: What is left of a refused body is read and thrown away for so long: a client that is cut off
#: while it writes would not see why.
LINGER = 5.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
STATUS_LINES = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus
}
GONE: Message = {"type": "http.disconnect"}


class Host:
    """What all connections of a process share: who answers, the time, and who is connected."""

    def __init__(
        self, serve: Callable[[Exchange], Coroutine[Any, Any, None]], proxies: Proxies
    ) -> None:
        self.serve = serve
        self.proxies = proxies
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        #: A clock that :meth:`tick` sets once a second: patience needs no better one.
        self.now = self.loop.time()
        self.draining = False

    def tick(self) -> None:
        """Set the clock, and hang up on whoever has used up our patience."""
        self.now = self.loop.time()
        for connection in [each for each in self.connections if each.deadline < self.now]:
            connection.expire()

    def drain(self) -> None:
        """Take no further request; connections without one are closed."""
        self.draining = True
        for connection in list(self.connections):
            connection.end_when_idle()


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.deadline = host.now + HEAD_PATIENCE
        self.address = ""
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._in_head = False
        self._head = 0
        #: Whether what has just come held nothing of a head or a body: the frame of chunks alone.
        self._is_frame = False
        #: The request whose body is being read, the one that is answered, and those behind it.
        self._reading: WireExchange | None = None
        self._answering: WireExchange | None = None
        self._behind: deque[WireExchange] = deque()
        self._latest: WireExchange | None = None
        self._is_paused = False
        self._room: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect the first request soon."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_AHEAD)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        self.host.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered; those behind it were never begun."""
        self.host.connections.discard(self)
        self.deadline = float("inf")
        self._behind.clear()
        self.resume_writing()
        if self._answering is not None:
            self._answering.lose()

    def eof_received(self) -> None:
        """Take the end of what a client sends for the end of the connection, as most servers do."""

    def data_received(self, data: bytes) -> None:
        """Read on; what is no HTTP ends the connection."""
        self._is_frame = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Not followed; and what comes behind it is no HTTP/1.1 that we could read.
            if self._latest is not None:
                self._latest.is_kept = False
                self._latest.complete()
            self.pause_reading()
        except httptools.HttpParserError:
            self._refuse(400, InvalidRequest("This is no HTTP request.", code="invalid_http"))
        # What stands behind the last chunk is kept by the parser: it has an end too.
        if self._in_head or (self._is_frame and self._reading is not None):
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._refuse(431, InvalidRequest("The head is too large.", code="head_too_large"))

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Expect the end of the head soon."""
        self._target, self._headers = b"", {}
        self._in_head, self._head = True, 0
        if self._answering is None:
            self.deadline = self.host.now + HEAD_PATIENCE

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the first of each name, as proxies see it; of addresses passed on, all."""
        if not self._in_head:
            # Behind a body: no proxy has looked at it, and it may not stand for a header.
            return
        name = name.lower()
        if name not in self._headers:
            self._headers[name] = value
        elif name == b"x-forwarded-for":
            self._headers[name] += b"," + value

    def on_headers_complete(self) -> None:
        """Begin the answer: it asks for the body when it needs it."""
        self._in_head = self._is_frame = False
        self._head = 0
        parser = self._parser
        found = WireExchange(
            self,
            parser.get_method().decode("ascii"),
            _path(self._target),
            self._headers,
            self.host.proxies.client(self.address, self._headers),
        )
        found.is_kept = parser.should_keep_alive()
        found.is_chunked = parser.get_http_version() == "1.1"
        self._reading = self._latest = found
        if self._answering is None:
            self._begin(found)
        elif len(self._behind) < MOST_PIPELINED:
            self._behind.append(found)
            # One may wait: a quick client asks again before we have tidied up behind its answer.
            if len(self._behind) > 1:
                self.pause_reading()
        else:
            self._transport.abort()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._is_frame, self._head = False, 0
        if self._reading is not None:
            self._reading.feed(body)

    def on_message_complete(self) -> None:
        """The request is here."""
        if self._reading is not None:
            self._reading.complete()
            self._reading = None

    def _begin(self, exchange: "WireExchange") -> None:
        self._answering = exchange
        self.deadline = float("inf")
        task = exchange.serving = self.host.loop.create_task(self.host.serve(exchange))
        self.host.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.host.tasks.discard(task)
        exchange, self._answering = self._answering, None
        if self._transport.is_closing() or exchange is None:
            self.deadline = self.host.now + WRITE_PATIENCE
            return
        # An answer that did not come to its end can only be ended by hanging up.
        if not exchange.is_finished or not exchange.is_kept or self.host.draining:
            self._close()
        elif not exchange.is_complete:
            exchange.discard()
            self.deadline = self.host.now + LINGER
            self.resume_reading()
        else:
            self.deadline = self.host.now + KEEP_ALIVE
            if self._behind:
                self._begin(self._behind.popleft())
            if not self._behind:
                self.resume_reading()

    def _refuse(self, status: int, error: GatewayError) -> None:
        """Answer what never became a request, unless an answer is under way, and hang up."""
        if self._answering is None and not self._transport.is_closing():
            body = error.body()
            head = f"content-type: {JSON}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
            self._transport.write(STATUS_LINES[status] + head.encode() + b"\r\n" + body)
        self._close()

    def _close(self) -> None:
        """Hang up once the client has taken what was written, but wait for that no longer."""
        self.deadline = self.host.now + WRITE_PATIENCE
        self._transport.close()

    def expire(self) -> None:
        """Hang up on a client that let us wait for too long."""
        # Closing waits until the client has taken what it may never take.
        if self._is_paused or self._transport.is_closing():
            self.deadline = float("inf")
            self._transport.abort()
        else:
            self._close()

    def end_when_idle(self) -> None:
        """Close the connection, at once or with the end of the present answer."""
        if self._answering is None:
            self._close()

    def pause_reading(self) -> None:
        """Let the kernel hold what the client sends."""
        if self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Note that the client is slower than the answer."""
        self._is_paused = True
        self.deadline = self.host.now + WRITE_PATIENCE

    def resume_writing(self) -> None:
        """Let the answer go on."""
        self._is_paused = False
        if self._answering is not None:
            self.deadline = float("inf")
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def send(self, data: bytes) -> None:
        """Write; to a client that has gone, nothing."""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    async def has_room(self) -> None:
        """Wait while the client reads slowly."""
        while self._is_paused:
            if self._room is None:
                self._room = self.host.loop.create_future()
            # Shared by nobody else: a connection has one answer at a time.
            await self._room


class WireExchange(Exchange):
    """A request on a connection of ours."""

    def __init__(
        self,
        connection: Connection,
        method: str,
        path: str,
        headers: dict[bytes, bytes],
        address: str,
    ) -> None:
        self._begin(method, path, headers, address)
        self._connection = connection
        self.is_kept = True
        #: Whether the client can read an answer whose length nobody knows beforehand.
        self.is_chunked = True
        #: Whether the whole request has come, and whether the whole answer was written.
        self.is_complete = False
        self.is_finished = False
        self._parts: list[bytes] = []
        self._size = 0
        self._news: asyncio.Future[None] | None = None
        self._is_discarding = False
        self._unsent = b""
        self._has_length = False
        #: What answers it, and the same once it may be cancelled.
        self.serving: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def feed(self, data: bytes) -> None:
        """Take a part of the body."""
        self._size += len(data)
        if self._is_discarding:
            return
        self._parts.append(data)
        if self._news is not None:
            self._wake()
        elif self._size > READ_AHEAD:
            self._connection.pause_reading()

    def complete(self) -> None:
        """The body is here."""
        self.is_complete = True
        self._wake()

    def discard(self) -> None:
        """Throw away what is left of the body."""
        self._is_discarding, self._parts = True, []

    def lose(self) -> None:
        """The client has gone: end what is done for it, unless that is past stopping."""
        self.gone = True
        self._wake()
        if self._task is not None:
            self._task.cancel()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    async def body(self) -> bytes:
        """Return the body; stops reading where it passes the limit or stops coming."""
        if self.is_complete and self._size <= LARGEST_BODY:
            parts, self._parts = self._parts, []
            return parts[0] if len(parts) == 1 else b"".join(parts)
        if self.headers.get(b"expect", b"").lower() == b"100-continue":
            self._connection.send(CONTINUE)
        return await super().body()

    async def receive(self) -> Message:
        """Return the next part of the body as ASGI tells it."""
        while not self._parts and not self.is_complete and not self.gone:
            self._news = self._connection.host.loop.create_future()
            self._connection.resume_reading()
            await self._news
        if self.gone:
            return GONE
        part, self._parts = b"".join(self._parts), []
        return {"type": "http.request", "body": part, "more_body": not self.is_complete}

    def watch(self) -> None:
        """Cancel what answers when the client goes away."""
        self._task = self.serving
        if self.gone and self._task is not None:
            self._task.cancel()

    def unwatch(self) -> None:
        """Let the current task end in peace, whatever the client does from here on."""
        self._task = None

    async def start(self, status: int, media: str, headers: Mapping[str, str]) -> None:
        """Prepare the head; it goes out with the first part of the body."""
        self.started = True
        lines = {"content-type": media, **self.notes, **headers}
        self.is_kept = self.is_kept and lines.get("connection") != "close"
        self._has_length = "content-length" in lines
        if not self._has_length:
            if self.is_chunked:
                lines["transfer-encoding"] = "chunked"
            else:
                self.is_kept = False
        if not self.is_kept or self._connection.host.draining:
            self.is_kept = False
            lines["connection"] = "close"
        text = "\r\n".join(map(": ".join, lines.items()))
        self._unsent = STATUS_LINES[status] + text.encode("latin-1") + b"\r\n\r\n"

    async def write(self, data: bytes, *, more: bool) -> None:
        """Send a part of the body; waits while the client reads slowly."""
        head, self._unsent = self._unsent, b""
        if self.method == "HEAD":
            data = b""
        elif not self._has_length and self.is_chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if not more:
                data += LAST_CHUNK
        connection = self._connection
        connection.send(head + data if head else data)
        self.is_finished = not more
        if connection._is_paused:
            await connection.has_room()


def _path(target: bytes) -> str:
    """Return the decoded path of a request's target, which may also be a whole address."""
    if not target.startswith(b"/"):
        try:
            target = httptools.parse_url(target).path or b"/"
        except httptools.HttpParserInvalidURLError:
            return target.decode("latin-1")
    path = target.partition(b"?")[0].decode("latin-1")
    return unquote(path) if "%" in path else path
