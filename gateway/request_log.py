"""One line for each request: who, which model, how it ended, how many tokens; never what was said.

Lines are gathered for a moment and written together by a thread, so that neither a slow disk nor a
full pipe stops the loop. What is lost when a process is killed stands in the books all the same.
"""

import asyncio
import os
import queue
import threading
import time
from datetime import datetime
from uuid import UUID

import msgspec

ALL, FAILURES, OFF = "all", "failures", "off"
STANDARD_OUTPUT = 1
#: Seconds in which lines gather.
PAUSE = 0.25
#: Seconds in which the end of the process waits for the last of them.
PATIENCE = 2.0
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
        self._encode = msgspec.json.Encoder().encode_lines
        self._lines: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._work: queue.SimpleQueue[list[Line]] = queue.SimpleQueue()
        self._is_writing = threading.Event()
        self._thread: threading.Thread | None = None

    def write(self, line: Line) -> None:
        """Have the line written in a moment."""
        if self.wanted == OFF or (self.wanted == FAILURES and not line.is_failure):
            return
        if len(self._lines) >= MOST_WAITING:
            self.dropped += 1
            return
        self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._hand_over)

    def _hand_over(self) -> None:
        self._timer = None
        # One at a time: while it writes, and nobody may read, lines gather and are dropped in the end.
        if not self._is_writing.is_set():
            lines, self._lines = self._lines, []
            self._is_writing.set()
            self._work.put(lines)
            if self._thread is None:
                # One for good: to start a thread for each batch makes the loop wait for its birth.
                self._thread = threading.Thread(target=self._write_all, daemon=True)
                self._thread.start()
        elif self._lines:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._hand_over)

    def _write_all(self) -> None:
        while True:
            lines = self._work.get()
            try:
                _write(self._file, self._encode(lines))
            except OSError:
                self.dropped += len(lines)
            finally:
                self._is_writing.clear()

    async def flush(self) -> None:
        """Write what waits; where nobody reads, it is dropped."""
        if self._timer is not None:
            self._timer.cancel()
        end = time.monotonic() + PATIENCE
        while (self._lines or self._is_writing.is_set()) and time.monotonic() < end:
            if not self._is_writing.is_set():
                self._hand_over()
            await asyncio.sleep(0.01)
        self.dropped += len(self._lines)
        self._lines = []


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
