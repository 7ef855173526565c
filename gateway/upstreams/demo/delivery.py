"""Sends answers, misbehaves on command, and enters what was generated and written."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from gateway.upstreams.demo.behaviour import Behaviour, Behaviours
from gateway.upstreams.demo.errors import ApiError
from gateway.upstreams.demo.ledger import Entry, Ledger
from gateway.upstreams.demo.usage import Usage
from gateway.upstreams.demo.web import EVENTS, JSON, ClientGone, Exchange

#: So many tokens go out together when nothing slows them down.
BURST = 8
#: Seconds before each token of a long answer, so that whoever reads along may stop it.
LEISURE = 0.03
#: What comes in place of JSON on command, after this many tokens of a stream.
BROKEN_AFTER = 3


class Event(NamedTuple):
    """A piece of a stream: the tokens it took to generate it, and those the client can read."""

    data: bytes
    generated: int = 0
    written: int = 0


BROKEN = Event(b'data: {"id": "chatcmpl-broken", "choices": [{"index": 0, "del\n\n')


class Answer(Protocol):
    """What a request is answered with."""

    @property
    def usage(self) -> Usage:
        """Return what it uses in all."""

    @property
    def hidden(self) -> int:
        """Return how many of its tokens the client never sees."""

    @property
    def is_long(self) -> bool:
        """Tell whether it was asked to be long: then a stream of it takes its time."""

    def body(self) -> bytes:
        """Return it whole."""

    def events(self) -> Iterator[Event]:
        """Return it in pieces."""


class _Drop(Exception):
    """The connection is to be closed now."""


class Delivery:
    """The way of one answer to its client."""

    def __init__(self, exchange: Exchange, behaviours: Behaviours, ledger: Ledger) -> None:
        self.exchange = exchange
        self.behaviours = behaviours
        self.ledger = ledger

    async def send(self, answer: Answer, *, model: str, stream: bool) -> None:
        """Send an answer, as far as the model's behaviour and the client allow."""
        usage = answer.usage
        entry = Entry(
            id=self.exchange.id,
            endpoint=self.exchange.path,
            model=model,
            stream=stream,
            prompt_tokens=usage.prompt,
            cached_tokens=usage.cached,
        )
        self.ledger.open(entry)
        try:
            await self._send(answer, entry, self.behaviours.of(model))
            entry.state = "finished"
        except ClientGone:
            entry.state = "aborted"
        except _Drop:
            entry.state = "dropped"
        except ApiError as error:
            entry.state, entry.status = "failed", error.status
            raise
        finally:
            # Thoughts come first; an answer that was cut short may have consisted of them alone.
            entry.reasoning_tokens = min(usage.reasoning, entry.completion_tokens)
            if entry.state == "running":
                entry.state = "aborted"
            self.ledger.close(entry)

    async def _send(self, answer: Answer, entry: Entry, behaviour: Behaviour) -> None:
        status = self.behaviours.failure(entry.model)
        if status is not None:
            raise ApiError("The demo engine was told to fail.", status=status, code="told_to_fail")
        if behaviour.hang:
            await self.exchange.pause(None)
        if entry.stream:
            await Stream(self.exchange, entry, behaviour).send(answer)
        else:
            await self._send_whole(answer, entry, behaviour)

    async def _send_whole(self, answer: Answer, entry: Entry, behaviour: Behaviour) -> None:
        await self._generate(answer.usage.completion, entry, behaviour)
        body = answer.body()
        if behaviour.malformed:
            body = body[: len(body) * 2 // 3]
        if behaviour.drop_after_tokens is not None:
            length = (b"content-length", str(len(body)).encode())
            await self.exchange.start(200, JSON, length)
            await self.exchange.write(body[: len(body) // 2])
            raise _Drop
        await self.exchange.respond(body)
        entry.written_tokens = answer.usage.completion - answer.hidden

    async def _generate(self, number: int, entry: Entry, behaviour: Behaviour) -> None:
        """Take as long as so many tokens take."""
        if not behaviour.watches:
            entry.completion_tokens = number
            return
        await self.exchange.pause(behaviour.delay_first_ms / 1000)
        pace = behaviour.delay_token_ms / 1000
        for place in range(number):
            if place == behaviour.hang_after_tokens:
                await self.exchange.pause(None)
            if pace:
                await self.exchange.pause(pace)
            entry.completion_tokens += 1


class Stream:
    """Server-sent events on their way."""

    def __init__(self, exchange: Exchange, entry: Entry, behaviour: Behaviour) -> None:
        self.exchange = exchange
        self.entry = entry
        self.behaviour = behaviour
        self.pace = behaviour.delay_token_ms / 1000
        self._waiting: list[Event] = []

    async def send(self, answer: Answer) -> None:
        """Send the events one by one, or some together where nothing slows them down."""
        if answer.is_long:
            self.pace = self.pace or LEISURE
        self.exchange.watch()
        await self.exchange.start(200, EVENTS, (b"cache-control", b"no-cache"))
        await self.exchange.pause(self.behaviour.delay_first_ms / 1000)
        for event in answer.events():
            if event.generated:
                await self._misbehave(event.generated)
                self.entry.completion_tokens += event.generated
            self._waiting.append(event)
            if self.pace or len(self._waiting) >= BURST:
                await self._flush()
        await self._flush()
        await self.exchange.finish()

    async def _misbehave(self, coming: int) -> None:
        """Do before the coming tokens what was ordered."""
        generated, behaviour = self.entry.completion_tokens, self.behaviour
        if behaviour.malformed and generated <= BROKEN_AFTER < generated + coming:
            self._waiting.append(BROKEN)
        if _reached(behaviour.drop_after_tokens, generated + coming):
            await self._flush()
            raise _Drop
        if _reached(behaviour.hang_after_tokens, generated + coming):
            await self._flush()
            await self.exchange.pause(None)
        if self.pace:
            await self._flush()
            await self.exchange.pause(self.pace)

    async def _flush(self) -> None:
        if not self._waiting:
            return
        events, self._waiting = self._waiting, []
        await self.exchange.write(b"".join(event.data for event in events))
        self.entry.written_tokens += sum(event.written for event in events)
        # What was handed over after the client had left was not written to anybody.
        if not self.pace:
            await self.exchange.pause(0)
        elif self.exchange.is_gone():
            raise ClientGone


def _reached(order: int | None, tokens: int) -> bool:
    return order is not None and tokens > order
