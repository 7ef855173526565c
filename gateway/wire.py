"""HTTP as uvicorn speaks it, with an end to what a caller may send before anything is decided."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Address and headers of a request together.
LARGEST_HEAD = 64 * 1024
#: Seconds from the beginning of a connection, or of a request, to the end of its head.
HEAD_PATIENCE = 20.0


class BoundedProtocol(HttpToolsProtocol):
    """Refuses heads that are too large, and hangs up on those that do not end.

    uvicorn keeps what comes until a head is complete, and waits for that for ever.
    """

    _head = 0
    _in_head = _in_body = False
    #: Whether what has just come held nothing of a head or a body: the frame of chunks alone.
    _is_frame = False
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Expect the first request soon."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too large, or what stands behind a body."""
        self._is_frame = True
        super().data_received(data)
        if self._in_head or (self._is_frame and self._in_body):
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self.transport.is_closing():
                self._refuse()

    def on_message_begin(self) -> None:
        """Expect the end of the head soon."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take what stands in the head alone: behind a body no proxy has looked at it."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait for nothing more: a body has its own limits."""
        self._in_head, self._in_body, self._is_frame, self._head = False, True, False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._is_frame, self._head = False, 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here."""
        self._in_body = False
        super().on_message_complete()

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_PATIENCE, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hang_up(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        # In the middle of a body an answer may be under way.
        if self._in_head:
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
        self.transport.close()
