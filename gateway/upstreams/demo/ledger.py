"""What this engine produced for each request: its own account, to compare with what was billed."""

import time
from collections import deque
from typing import Literal

import msgspec

#: Older requests are forgotten; their tokens stay in the totals.
REMEMBERED = 20_000


class Entry(msgspec.Struct):
    """One request that reached a model."""

    id: str
    endpoint: str
    model: str
    stream: bool
    prompt_tokens: int
    cached_tokens: int
    #: Tokens generated so far, thoughts among them.
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    #: Tokens handed to the client's socket before the end, or before the client went away.
    written_tokens: int = 0
    #: Whether the client went away before it had everything.
    aborted: bool = False
    state: Literal["running", "finished", "aborted", "failed", "dropped"] = "running"
    status: int = 200
    started_at: float = 0.0
    seconds: float = 0.0


class Totals(msgspec.Struct):
    """Sums over all requests since the start or the last reset."""

    requests: int = 0
    running: int = 0
    finished: int = 0
    aborted: int = 0
    failed: int = 0
    dropped: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    written_tokens: int = 0


class Ledger:
    """Keeps the latest requests, and the sums of all."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=REMEMBERED)
        self._running: dict[int, Entry] = {}
        self.totals = Totals()

    def reset(self) -> None:
        """Forget everything that is over."""
        self._entries.clear()
        self.totals = Totals(running=self.totals.running)

    @property
    def tokens_held(self) -> int:
        """Tokens, read and made, of the requests that run now."""
        return sum(it.prompt_tokens + it.completion_tokens for it in self._running.values())

    def open(self, entry: Entry) -> None:
        """Enter a request that begins."""
        entry.started_at = time.time()
        self._entries.append(entry)
        self._running[id(entry)] = entry
        self.totals.requests += 1
        self.totals.running += 1

    def close(self, entry: Entry) -> None:
        """Add a request that has ended to the sums."""
        entry.seconds = round(time.time() - entry.started_at, 6)
        entry.aborted = entry.state == "aborted"
        self._running.pop(id(entry), None)
        totals = self.totals
        totals.running -= 1
        for name in (entry.state, *SUMMED):
            by = 1 if name == entry.state else getattr(entry, name)
            setattr(totals, name, getattr(totals, name) + by)

    def latest(self, number: int) -> list[Entry]:
        """Return the latest requests, oldest first."""
        entries = list(self._entries)
        return entries[-number:] if number else []

    def of(self, request_id: str) -> list[Entry]:
        """Return every attempt that came with this request id, oldest first."""
        return [entry for entry in self._entries if entry.id == request_id]


SUMMED = (
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "written_tokens",
)
