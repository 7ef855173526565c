"""One HTTP exchange over plain ASGI: read with a limit, answer, stream, notice who leaves."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from common.ids import uuid7_hex
from gateway import watching
from gateway.errors import (
    BodyTooLarge,
    ClientGone,
    GatewayError,
    TooSlow,
    UnsupportedMedia,
    envelope,
)
from gateway.keys import Caller
from gateway.metrics import Bill

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 10_000_000
#: Silence in the middle of a body that ends the request.
BODY_PATIENCE = 30.0
#: So long a whole body may take: nobody holds us by sending a byte now and then.
LONGEST_BODY = 300.0
JSON = "application/json"


class Exchange:
    """A request and the way to answer it; every answer carries the request's id."""

    #: Whether somebody waits for the answer.
    is_waited_for = True

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.receive = receive
        self._send = send
        address = (scope.get("client") or ("", 0))[0]
        self._begin(scope["method"], scope["path"], _joined(scope["headers"]), address)

    def _begin(self, method: str, path: str, headers: dict[bytes, bytes], address: str) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.address = address
        self.id = f"req_{uuid7_hex()}"
        #: What every answer says beside its own headers.
        self.notes: dict[str, str] = {"x-request-id": self.id}
        #: How refusals are told here.
        self.envelope: Callable[[GatewayError, str], bytes] = envelope
        self.started = False
        #: For those who watch: the model once it is known, who asks, and what it is billed.
        self.model = ""
        self.caller: Caller | None = None
        self.bill: Bill | None = None
        #: Whether an answer broke off because of us before anything of it was delivered.
        self.broke = False
        #: What the engine is told of the caller's trace.
        self.onward: Mapping[str, str] = {}
        self._watch: asyncio.Task[None] | None = None
        self.gone = False

    def check_body(self) -> None:
        """Refuse a body by what the head says of it, before any of it is read."""
        media = self.headers.get(b"content-type", b"application/json")
        if not media.lower().startswith(b"application/json"):
            raise UnsupportedMedia("Send the body as JSON, with 'content-type: application/json'.")
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > LARGEST_BODY:
            raise _too_large()

    async def body(self) -> bytes:
        """Return the body; stops reading where it passes the limit or stops coming."""
        body, ends_at = bytearray(), time.monotonic() + LONGEST_BODY
        while True:
            try:
                async with asyncio.timeout(min(BODY_PATIENCE, ends_at - time.monotonic())):
                    message = await self.receive()
            except TimeoutError:
                raise TooSlow("The body stopped coming. Send the request again.") from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            if len(body) > LARGEST_BODY:
                raise _too_large()
            if not message.get("more_body"):
                return bytes(body)

    def watch(self) -> None:
        """Cancel the current task when the client goes away; only after the body was read."""
        task = asyncio.current_task()
        if task is not None and self._watch is None:
            self._watch = asyncio.create_task(self._wait_for_end(task))

    async def _wait_for_end(self, task: asyncio.Task[Any]) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        task.cancel()

    def unwatch(self) -> None:
        """Let the current task end in peace, whatever the client does from here on."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def start(self, status: int, media: str, headers: Mapping[str, str]) -> None:
        """Send the head of an answer."""
        self.started = True
        lines = {"content-type": media, **self.notes, **headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes, *, more: bool) -> None:
        """Send a part of the body; waits while the client reads slowly."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole answer."""
        length = {"content-length": str(len(body))}
        await self.start(status, JSON, {**length, **(headers or {})})
        await self.write(body, more=False)

    async def refuse(self, error: GatewayError) -> None:
        """Send a refusal; after the head of a stream nothing more can be said here."""
        if not self.started:
            watching.refused(self, error)
            await self.answer(error.status, self.envelope(error, self.id), error.headers)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by name; of one that comes twice the first counts, as proxies see it."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found.setdefault(name, value)
    return found


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than {LARGEST_BODY:,} bytes.", headers={"connection": "close"}
    )
