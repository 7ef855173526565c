"""A stream on its way from an engine to a client: passed on, counted, journalled, billed."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway import deltas
from gateway.admitted import Admitted
from gateway.books import Books
from gateway.errors import GatewayError, Unavailable, UpstreamFailed
from gateway.metrics import METRICS
from gateway.routing import Routed
from gateway.upstreams.base import UpstreamError
from gateway.usage import NOTHING, Delivered, Measured
from gateway.words import Said
from metering.models import FAILURES

#: Events are written together up to so many bytes: a client that leaves meanwhile owes none of them.
LARGEST_WRITE = 4096
#: A stream in flight is written into the journal this often.
JOURNAL_EVERY = 1.0
#: A client that does not read is not waited for longer when we end its stream.
LAST_WORDS = 1.0
#: How finely the time between two tokens is told.
GAPS_A_SECOND = 10_000
#: Of fewer tokens nothing is said of how evenly they came.
FEWEST_GAPS = 20
EVENT_STREAM = "text/event-stream; charset=utf-8"
PART_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Stream:
    """One answer that comes in events: what of it has reached the client, and what that costs."""

    def __init__(self, admitted: Admitted, answer: Routed, books: Books) -> None:
        self._admitted = admitted
        self._exchange = admitted.exchange
        self._answer = answer
        self._books = books
        #: Bytes of text that were delivered, and how many events had any of them.
        self._size = 0
        self._events = 0
        #: The words themselves where the model has a tokenizer, and those that are being written.
        self._said = Said() if admitted.offer.tokenizer else None
        self._saying: list[bytes] = []
        #: What the engine says was used, and what had been delivered once it said so.
        self._usage: Any = None
        self._usage_size = 0
        self._finished = False
        self._journalled_at = 0.0
        self._wrote_at = 0.0
        #: How many tokens came how long after the one before, in tenths of a millisecond.
        self._gaps: dict[int, int] = {}
        #: Set while something was delivered that the journal does not know.
        self._note_due: asyncio.TimerHandle | None = None
        #: The end of the stream, sent once the books are closed.
        self._tail = deltas.LAST_EVENT

    async def run(self) -> None:
        """Pass the answer on to its end, whoever brings it about, and bill what was delivered."""
        try:
            outcome = await self._relay()
        except asyncio.CancelledError:
            if not self._exchange.gone:
                await self._interrupt()
                raise
            outcome = "client_gone"
        except Exception:
            # Whatever broke is ours to look at; what was delivered is billed all the same.
            await self._interrupt()
            raise
        self._exchange.unwatch()
        measured = await self._close_books(outcome)
        if outcome != "client_gone":
            await self._exchange.write(self._last_words(measured, outcome), more=False)

    async def _interrupt(self) -> None:
        """Bill what was delivered of a stream that we end ourselves, and tell whoever still reads."""
        measured = await self._close_books("interrupted")
        if not self._exchange.started:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                tail = self._last_words(measured, "interrupted")
                await self._exchange.write(tail, more=False)

    async def _relay(self) -> str:
        """Pass events on as they come; returns how it ended."""
        cutter = deltas.Cutter()
        try:
            async for chunk in self._answer.chunks():
                await self._pass_on(cutter.feed(chunk))
            if rest := cutter.rest():
                await self._pass_on([rest])
        except (UpstreamError, deltas.EventTooLarge) as error:
            self._answer.broke()
            if not self._exchange.started:
                raise UpstreamFailed("The engine's answer broke off.") from error
            return "upstream_failed"
        if not self._exchange.started:
            raise UpstreamFailed("The engine's answer was empty.")
        return "completed" if self._finished else "upstream_failed"

    async def _pass_on(self, events: list[bytes]) -> None:
        """Write what came together together: a write costs more than all else done for an event."""
        shown: list[bytes] = []
        sizes: list[int] = []
        waiting = 0
        for event in events:
            seen = deltas.look(event)
            # Usage counts what was delivered before it: that must have been written when it is noted.
            if seen.failed or seen.usage is not None or waiting >= LARGEST_WRITE:
                await self._write(shown, sizes)
                shown, sizes, waiting = [], [], 0
            if seen.failed:
                # In the engine's own words it may name its machines, or be no JSON: ours follow.
                raise UpstreamError("the engine tells an error", reached=True)
            if not self._shows(seen, event):
                continue
            if told := self._retold(event):
                shown.append(told)
                sizes.append(seen.delivered)
                if self._said is not None:
                    self._saying.append(event)
                waiting += len(told)
        await self._write(shown, sizes)

    def _shows(self, seen: deltas.Seen, event: bytes) -> bool:
        """Note what an event tells of the stream; returns whether it is for the client now."""
        if seen.usage is not None:
            self._usage = seen.usage
            self._usage_size = self._size + seen.delivered
        self._finished = self._finished or seen.done or seen.finished
        if seen.done:
            self._tail = event
            return False
        return self._admitted.call.wants_usage or not seen.only_usage

    def _retold(self, event: bytes) -> bytes:
        """Return an event as the caller gets it; nothing when it has nothing for them."""
        if self._admitted.dialect is not None:
            return self._admitted.dialect.events(event)
        return deltas.named(event, self._admitted.offer.name)

    async def _write(self, events: list[bytes], sizes: list[int]) -> None:
        if not events:
            return
        if not self._exchange.started:
            await self._exchange.start(200, EVENT_STREAM, PART_HEADERS)
        came_at = time.monotonic()
        try:
            await self._exchange.write(b"".join(events), more=True)
        finally:
            # Whoever reads slowly makes no answer slow.
            self._admitted.waited += time.monotonic() - came_at
        if self._said is not None:
            self._hear(self._said)
        if any(sizes):
            self._count([size for size in sizes if size], came_at)

    def _hear(self, said: Said) -> None:
        """Keep the words that have been written."""
        events, self._saying = self._saying, []
        for event in events:
            said.hear(event)

    def _count(self, sizes: list[int], came_at: float) -> None:
        self._size += sum(sizes)
        self._events += len(sizes)
        now = time.monotonic()
        if self._admitted.ttft_ms is None:
            self._admitted.ttft_ms = self._admitted.milliseconds()
        else:
            events = len(sizes)
            METRICS.of(self._admitted.offer.name).wrote(came_at - self._wrote_at, events)
            gap = int((came_at - self._wrote_at) * GAPS_A_SECOND) // events
            self._gaps[gap] = self._gaps.get(gap, 0) + events
        self._wrote_at = now
        due = self._journalled_at + JOURNAL_EVERY - now
        if due <= 0:
            self._note()
        elif self._note_due is None:
            # An engine that falls silent now must not leave this out of the journal.
            self._note_due = asyncio.get_running_loop().call_later(due, self._note)

    def _note(self) -> None:
        """Write into the journal what was delivered so far."""
        self._rest()
        self._journalled_at = time.monotonic()
        self._books.note(self._admitted, Delivered(self._size, self._events))

    def _rest(self) -> None:
        """Have it written down no more: it was just now, or it ends."""
        if self._note_due is not None:
            self._note_due.cancel()
            self._note_due = None

    async def _close_books(self, outcome: str) -> Measured:
        """Bill what was delivered, if anything is owed; returns what was billed."""
        self._rest()
        # An engine that wrote on after telling the usage has told nothing.
        claim = self._usage if self._size <= self._usage_size else None
        delivered = Delivered(self._size, self._events)
        self._admitted.inter_token_us = slowest_twentieth(self._gaps)
        measured = self._books.measure(self._admitted, claim, delivered)
        if not self._size and not self._is_owed(measured, outcome):
            self._exchange.broke = outcome in FAILURES
            return NOTHING
        try:
            # Whoever has to stop does not wait for a better count.
            if measured.estimated and self._said is not None and outcome != "interrupted":
                measured = await self._books.recount(self._admitted, claim, delivered, self._said)
        finally:
            # Also when this is cut short: what was delivered is billed.
            await self._books.settle(self._admitted, measured, outcome)
        return measured

    def _is_owed(self, measured: Measured, outcome: str) -> bool:
        """Tell whether a stream without any visible text is to be paid for.

        So is one that ends well after tokens nobody sees, and the prompt of one whose client left
        once it had begun.
        """
        if outcome == "completed":
            return measured.completion > 0
        return outcome == "client_gone" and self._exchange.started

    def _last_words(self, measured: Measured, outcome: str) -> bytes:
        """Return the end of a stream whose books are closed."""
        error: GatewayError | None = None
        if outcome == "upstream_failed":
            error = UpstreamFailed("The engine's answer broke off; what was delivered is billed.")
        elif outcome == "interrupted":
            error = Unavailable("This gateway had to stop; what was delivered is billed.")
        if self._admitted.dialect is not None:
            return self._admitted.dialect.end(measured.parts, error)
        return b"data: " + error.body() + b"\n\n" if error else self._tail


def slowest_twentieth(gaps: Mapping[int, int]) -> int | None:
    """Return what nineteen of twenty tokens came within, in microseconds; None where too few came.

    ``gaps`` says how many tokens took so many tenths of a millisecond. Below twenty of them the
    slowest alone would decide.
    """
    left = sum(gaps.values())
    if left < FEWEST_GAPS:
        return None
    left = -(-left * 19 // 20)
    for gap in sorted(gaps):
        left -= gaps[gap]
        if left <= 0:
            return (gap * 1_000_000 + GAPS_A_SECOND // 2) // GAPS_A_SECOND
    return None
