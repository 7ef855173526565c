"""A port of its own for `/metrics`, for hosts on which several gateways share the other one.

Each process takes the first free port from the one that is named, so that Prometheus can ask all of
them. It speaks just enough HTTP to be scraped.
"""

import asyncio
import errno
import logging

from gateway import exposition
from gateway.exposition import Process

logger = logging.getLogger(__name__)

#: So many ports are tried.
MOST_PROCESSES = 64
LARGEST_HEAD = 8 * 1024
PATIENCE = 5.0


class MetricsPort:
    """The port of one process."""

    def __init__(self, process: Process, token: str) -> None:
        self._process = process
        self._token = token
        self._server: asyncio.Server | None = None

    async def open(self, host: str, first: int) -> None:
        """Listen on the first port that is free; without one, requests are served all the same."""
        for port in range(first, first + MOST_PROCESSES):
            try:
                self._server = await asyncio.start_server(
                    self._serve, host, port, limit=LARGEST_HEAD
                )
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                logger.warning("metrics cannot be served at %s:%s: %s", host, port, error)
            return
        logger.warning("no port for metrics is free from %s on", first)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head, writer.get_extra_info("peername")[0]))
                await writer.drain()
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _answer(self, head: bytes, address: str) -> bytes:
        request, *lines = head.split(b"\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _colon, value in (line.partition(b":") for line in lines)
        }
        known = request.split(b" ")[:2] == [b"GET", b"/metrics"]
        if not known or not exposition.may_read(headers, address, self._token):
            return b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        body = exposition.text(self._process)
        start = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {exposition.MEDIA}\r\n"
        return f"{start}content-length: {len(body)}\r\n\r\n".encode() + body
