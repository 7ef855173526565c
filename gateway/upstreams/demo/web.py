"""One HTTP exchange, straight on ASGI."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from gateway.upstreams.demo.errors import ApiError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Bytes of the largest body: a full context in the widest script, and room for images.
LARGEST_BODY = 32 * 1024 * 1024
LONGEST_ID = 128
JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Exchange:
    """A request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.id = _request_id(scope["headers"])
        self._receive = receive
        self._send = send
        self._departure: asyncio.Task[None] | None = None

    async def body(self) -> bytes:
        """Return the whole body; it is refused while it arrives when it grows too large."""
        message = await self._receive()
        if not message.get("more_body", False):
            return self._chunk(message, 0)
        chunks, size = [], 0
        while True:
            chunk = self._chunk(message, size)
            size += len(chunk)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)
            message = await self._receive()

    def _chunk(self, message: Message, before: int) -> bytes:
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        if before + len(chunk) > LARGEST_BODY:
            raise ApiError(f"The body is larger than {LARGEST_BODY} bytes.", status=413)
        return chunk

    def watch(self) -> None:
        """Notice from now on when the client goes away."""
        if self._departure is None:
            self._departure = asyncio.create_task(self._wait_for_departure())

    async def _wait_for_departure(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def is_gone(self) -> bool:
        """Tell whether the client went away, as far as anybody watches."""
        return self._departure is not None and self._departure.done()

    async def pause(self, seconds: float | None) -> None:
        """Wait so long, or for ever; stops at once when the client goes away."""
        self.watch()
        if self._departure is not None and seconds != 0:
            await asyncio.wait({self._departure}, timeout=seconds)
        else:
            # Lets the connection's own events come in.
            await asyncio.sleep(0)
        if self.is_gone():
            raise ClientGone

    async def start(self, status: int, kind: bytes, *headers: tuple[bytes, bytes]) -> None:
        """Send the status and the headers."""
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", kind), (b"x-request-id", self.id.encode()), *headers],
            }
        )

    async def write(self, data: bytes) -> None:
        """Send some of the body; more follows."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the end of the body."""
        await self._send({"type": "http.response.body", "body": data})

    async def respond(self, body: bytes, *, status: int = 200, kind: bytes = JSON) -> None:
        """Send a whole answer."""
        await self.start(status, kind, (b"content-length", str(len(body)).encode()))
        await self.finish(body)

    async def respond_json(self, value: Any) -> None:
        """Send a value as JSON."""
        await self.respond(msgspec.json.encode(value))

    async def refuse(self, error: ApiError) -> None:
        """Send a refusal."""
        body = error.body()
        headers = [(b"content-length", str(len(body)).encode())]
        if error.status in (429, 503):
            headers.append((b"retry-after", b"1"))
        await self.start(error.status, JSON, *headers)
        await self.finish(body)

    def close(self) -> None:
        """Stop watching."""
        if self._departure is not None:
            self._departure.cancel()


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and 0 < len(value) <= LONGEST_ID and value.isascii():
            return value.decode()
    return uuid.uuid4().hex
