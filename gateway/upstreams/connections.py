"""Kept-alive connections to engines: one request at a time, read as fast as it is taken.

No task and no timer belongs to a request: the parser calls back, and one clock for all connections
looks for those that kept us waiting.
"""

import asyncio
import zlib
from collections import deque
from typing import cast

import httptools

from gateway.upstreams.base import UpstreamError

#: So much of an answer is read ahead of a slow client, and one reading more: a thousand of them fit
#: into memory.
READ_AHEAD = 32 * 1024
READ_AT_ONCE = 64 * 1024
LARGEST_HEAD = 64 * 1024
#: So much a single piece may become when it is unpacked: a few bytes can hold a thousand times more.
LARGEST_UNPACKED = 16 * 1024 * 1024
NEVER = float("inf")
#: Either of zlib's wrappings, as the stream says itself.
ANY_WRAPPING = 47


class Broken(UpstreamError):
    """A kept connection ended before anything of an answer came: nobody has looked at the request."""


class EngineConnection(asyncio.BufferedProtocol):
    """One connection to an engine; what comes passes through a buffer that all of a loop share."""

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = memoryview(buffer)
        self.deadline = NEVER
        self.is_open = False
        #: Whether it has answered before.
        self.is_used = False
        self.idle_since = 0.0
        self.is_kept = False
        self._loop = asyncio.get_running_loop()
        #: One for all answers: each ends where it says.
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._waiter: asyncio.Future[None] | None = None
        self._prepare()

    def _prepare(self) -> None:
        self.status = 0
        self.is_complete = False
        self._error: UpstreamError | None = None
        self._parts: deque[bytes] = deque()
        self._waiting = 0
        self._head = 0
        self._ends_with_connection = True
        self._unpacker: zlib._Decompress | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def ask(self, request: bytes) -> None:
        """Send a request; the connection must be idle."""
        if self.is_used:
            self._prepare()
        self._transport.write(request)

    @property
    def is_empty(self) -> bool:
        """Tell whether the whole answer has come and there is nothing in it."""
        return self.is_complete and not self._parts

    @property
    def is_reusable(self) -> bool:
        """Tell whether all of its answer was taken, and another request may follow.

        One that still has too much of an answer does not read: it would wait for the next in vain.
        """
        is_over = self.is_complete and self.is_kept and self.is_open
        return is_over and self._transport.is_reading()

    async def begin(self) -> None:
        """Wait until the head of the answer and a first part of its body are there, or its end."""
        while not (self.status >= 200 and (self._parts or self.is_complete)):
            await self._news()

    async def part(self) -> bytes:
        """Return what has come since, and nothing at the end."""
        while not self._parts:
            if self.is_complete:
                return b""
            await self._news()
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self._waiting > READ_AHEAD and self.is_open and not self._transport.is_closing():
            self._transport.resume_reading()
        self._waiting = 0
        return data

    async def _news(self) -> None:
        self._raise()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if not self._parts:
            self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, reason: str, kind: type[UpstreamError] = UpstreamError) -> None:
        """End the answer as broken, and the connection with it."""
        if self.is_complete or self._error is not None:
            return
        self._error = kind(reason, reached=True)
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Hang up at once: the engine sees it and stops."""
        self.is_open = self.is_kept = False
        self.deadline = NEVER
        self._transport.abort()

    # What asyncio calls.

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the buffer: no more than it holds is read at once, however much has come."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read on."""
        data = self._buffer[:nbytes]
        if self.is_complete:
            # Nobody asked for more; what follows could be taken for the next answer.
            self.abort()
            return
        if self.status < 200:
            self._head += len(data)
            if self._head > LARGEST_HEAD + READ_AT_ONCE:
                self.fail("the head of the answer does not end")
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, zlib.error) as error:
            # Behind the end of an answer nothing is wrong with it, but with the connection.
            self.is_kept = False
            self.fail(f"the answer is no HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """What has no other end ends here; everything else is broken."""
        self.is_open = self.is_kept = False
        if self.status >= 200 and self._ends_with_connection and exc is None:
            self._end()
        else:
            reason = f"the connection was closed: {exc!r}" if exc else "the connection was closed"
            # One that is merely silent may be at work: it is not asked twice.
            is_fresh = self.is_used and not self._head
            self.fail(reason, Broken if is_fresh else UpstreamError)

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Stop where another answer begins that came together with the end of this one."""
        if self.is_complete:
            raise UpstreamError("more was said than was asked for", reached=True)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note how the body ends and how it is packed."""
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._ends_with_connection = False
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            self._unpacker = zlib.decompressobj(ANY_WRAPPING)

    def on_headers_complete(self) -> None:
        """The status is known; one below 200 announces another."""
        self.status = self._parser.get_status_code()
        if self.status in (204, 304):
            self._ends_with_connection = False

    def on_body(self, body: bytes) -> None:
        """Take a part; stop reading while too much waits."""
        if self._unpacker is not None:
            body = self._unpacker.decompress(body, LARGEST_UNPACKED)
            if self._unpacker.unconsumed_tail:
                raise UpstreamError("the answer is packed too densely", reached=True)
        if not body:
            return
        self._parts.append(body)
        self._waiting += len(body)
        if self._waiting > READ_AHEAD:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """The answer is here, unless it only announced one."""
        if self.status < 200:
            self.status = 0
            self._ends_with_connection = True
            return
        self.is_kept = self._parser.should_keep_alive() and not self._ends_with_connection
        self._end()

    def _end(self) -> None:
        self.is_complete = self.is_used = True
        self.deadline = NEVER
        self._wake()
