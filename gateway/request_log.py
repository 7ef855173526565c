"""One line for each request: who, which model, how it ended, how many tokens; never what was said.

Lines are gathered for a moment and written together by a thread, so that neither a slow disk nor a
full pipe stops the loop. What is lost when a process is killed stands in the books all the same.
"""

import asyncio
import os
from datetime import datetime
from uuid import UUID

import msgspec

ALL, FAILURES, OFF = "all", "failures", "off"
STANDARD_OUTPUT = 1
#: Seconds in which lines gather.
PAUSE = 0.25
#: Lines that may wait while nobody takes them; then they are dropped and counted.
MOST_WAITING = 20_000


class Line(msgspec.Struct):
    """What is told of a request."""

    at: datetime
    request: str
    status: int
    outcome: str
    model: str = ""
    organization: UUID | None = None
    project: UUID | None = None
    #: The key's id in the console: the key itself is nowhere.
    key: UUID | None = None
    tokens: dict[str, int] = {}
    estimated: bool = False
    streamed: bool = False
    ttft_ms: int | None = None
    ms: int | None = None
    event: str = "request"
    level: str = "info"

    @property
    def is_failure(self) -> bool:
        """Tell whether it is a failure of ours or of an engine."""
        return self.status >= 500 or self.outcome in ("upstream_failed", "interrupted")


class RequestLog:
    """The lines of this process."""

    def __init__(self, wanted: str, file: int = STANDARD_OUTPUT) -> None:
        self.wanted = wanted
        self.dropped = 0
        self._file = file
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._writer: asyncio.Task[None] | None = None

    def write(self, line: Line) -> None:
        """Have the line written in a moment."""
        if self.wanted == OFF or (self.wanted == FAILURES and not line.is_failure):
            return
        if len(self._lines) >= MOST_WAITING:
            self.dropped += 1
            return
        self._lines.append(self._encode(line))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        await asyncio.sleep(PAUSE)
        await self.flush()

    async def flush(self) -> None:
        """Write what waits; where nobody reads, it is dropped."""
        while self._lines:
            lines, self._lines = self._lines, []
            try:
                await asyncio.to_thread(_write, self._file, b"\n".join(lines) + b"\n")
            except OSError:
                self.dropped += len(lines)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
