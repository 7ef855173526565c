"""One call from admission to settlement: limits, funds, engine, answer, books.

Speed matters here more than elsewhere, so the steps stand plainly one after the other.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import structs

from billing.funds import Settled
from gateway import calls, deltas, routing, worth
from gateway.allowances import exceeded
from gateway.breaker import Engine
from gateway.calls import Call, Prompt
from gateway.dialects.base import Dialect
from gateway.dialects.messages import answer as messages
from gateway.dialects.messages.request import counted
from gateway.dialects.ranking import Ranking
from gateway.dialects.responses import answer as responses
from gateway.errors import (
    FundsMissing,
    GatewayError,
    InvalidRequest,
    Unavailable,
    UpstreamFailed,
    envelope,
)
from gateway.exchange import Exchange
from gateway.keys import Caller
from gateway.limits import Held, Limit, Limits, limits_of
from gateway.metrics import METRICS, Bill
from gateway.purse import Ask, Purses, Reservation
from gateway.recorder import Recorder
from gateway.routing import Question, Routed, Router
from gateway.upstreams.base import Upstream, UpstreamError
from gateway.usage import NOTHING, Bounds, Calibration, Delivered, Measured, estimate, measure
from gateway.watching import watched
from marketplace.queries import OfferSnapshot

#: An asked-for cap is not lowered below this, nor a shorter one at all.
LEAST_ASKED = 256
#: Without a cap in the request, an answer of this many tokens is still useful.
LEAST = 64
LARGEST_ANSWER = 64 * 1024 * 1024
#: Events are written together up to so many bytes: a client that leaves meanwhile owes none of them.
LARGEST_WRITE = 4096
#: A stream in flight is written into the journal this often.
JOURNAL_EVERY = 1.0
#: A client that does not read is not waited for longer when we end its stream.
LAST_WORDS = 1.0
EVENT_STREAM = "text/event-stream; charset=utf-8"
PART_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Endpoint(msgspec.Struct, frozen=True):
    """What distinguishes one way of calling models from another."""

    path: str
    kinds: tuple[str, ...]
    prompt: Callable[[dict[str, Any], OfferSnapshot], Prompt]
    generates: bool
    #: Speaks with callers whose shape is not the engines'; none: all passes as it is.
    dialect: Callable[[dict[str, Any], str], Dialect] | None = None
    #: How a refusal is told, given the request's id.
    envelope: Callable[[GatewayError, str], bytes] = envelope
    #: Anthropic's clients send the key, and look for the request's id, in headers of their own.
    is_anthropics: bool = False


def _chat_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    found = calls.messages(body, offer.template_tokens_per_message, offer.template_tokens_base)
    # What is longer than the model can read, the engine refuses.
    return Prompt(min(found.bound, offer.context_window), found.size)


def _plain_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    return calls.completion(body)


def _embedding_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    return calls.inputs(body, "input")


def _pairs_prompt(body: dict[str, Any], offer: OfferSnapshot) -> Prompt:
    extra = offer.template_tokens_base
    return calls.pairs(body["query"], body["documents"], extra, offer.context_window)


CHAT = Endpoint("/chat/completions", ("chat",), _chat_prompt, generates=True)
COMPLETIONS = Endpoint("/completions", ("chat",), _plain_prompt, generates=True)
EMBEDDINGS = Endpoint("/embeddings", ("embedding",), _embedding_prompt, generates=False)
RERANK = Endpoint("/rerank", ("rerank",), _pairs_prompt, generates=False, dialect=Ranking)
RESPONSES = structs.replace(CHAT, dialect=responses.Responses, envelope=responses.envelope)
MESSAGES = structs.replace(
    CHAT, dialect=messages.Messages, envelope=messages.envelope, is_anthropics=True
)
#: Asks no engine: how large a prompt is.
COUNT = structs.replace(MESSAGES, path="", dialect=None, generates=False)


class Admitted(msgspec.Struct):
    """A request that may go to the engine, with all that was frozen when it was let in."""

    exchange: Exchange
    endpoint: Endpoint
    caller: Caller
    offer: OfferSnapshot
    call: Call
    prompt: Prompt
    rates: worth.Rates
    occurred_at: datetime
    started: float
    held: Held
    dialect: Dialect | None = None
    reservation: Reservation | None = None
    cap: int = 0
    used: int = 0

    @property
    def bounds(self) -> Bounds:
        """Return what the usage can be at most."""
        completion = self.cap * self.call.choices
        return Bounds(self.prompt.bound, completion, self.prompt.size, self.call.choices)

    def milliseconds(self) -> int:
        """Return how long ago the request came."""
        return round((time.monotonic() - self.started) * 1000)


class Delivery(msgspec.Struct):
    """What of a stream has reached the client, and what the engine says of it."""

    size: int = 0
    #: How many events had any of it.
    events: int = 0
    usage: Any = None
    #: What had been delivered once the usage was told.
    usage_size: int = 0
    ttft_ms: int | None = None
    finished: bool = False
    journalled_at: float = 0.0
    wrote_at: float = 0.0
    #: Set while something was delivered that the journal does not know.
    note_due: asyncio.TimerHandle | None = None
    #: The end of the stream, sent once the books are closed.
    tail: bytes = deltas.LAST_EVENT

    @property
    def delivered(self) -> Delivered:
        """Return what usage is measured by."""
        return Delivered(self.size, self.events)

    @property
    def claim(self) -> Any:
        """Return what the engine says was used; nothing when it wrote on after saying so."""
        return self.usage if self.size <= self.usage_size else None

    def rest(self) -> None:
        """Stop writing it down: it ends."""
        if self.note_due is not None:
            self.note_due.cancel()
            self.note_due = None


class Inference:
    """The calls of all callers of this process."""

    def __init__(
        self,
        *,
        limits: Limits,
        purses: Purses,
        recorder: Recorder,
        upstream: Upstream,
        top_up_link: Callable[[Caller], str],
    ) -> None:
        self._limits = limits
        self._purses = purses
        self._recorder = recorder
        self._router = Router(upstream)
        self._top_up_link = top_up_link
        self._calibrations: dict[str, Calibration] = {}

    @property
    def engines(self) -> Iterable[Engine]:
        """Return the engines that were asked."""
        return self._router.engines

    @watched
    async def serve(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        caller: Caller,
        offer: OfferSnapshot,
        body: dict[str, Any],
    ) -> None:
        """Answer one call and bill what was delivered of it, once."""
        self._recorder.check()
        dialect = endpoint.dialect(body, exchange.id) if endpoint.dialect else None
        call, prompt = _checked(endpoint, offer, dialect.body if dialect else body)
        wished = _wished(offer, call) if endpoint.generates else 0
        held = await self._limits.take(
            exchange.id, _limits_of(caller, offer), prompt.bound + wished * call.choices
        )
        exchange.notes.update(held.standing.headers())
        admitted = Admitted(
            exchange,
            endpoint,
            caller,
            offer,
            call,
            prompt,
            worth.rates(offer),
            datetime.now(UTC),
            time.monotonic(),
            held,
            dialect,
        )
        try:
            await self._funded(admitted, wished)
        finally:
            if admitted.reservation is not None:
                self._free(admitted)
            self._limits.release(held, admitted.used)

    async def count(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        caller: Caller,
        offer: OfferSnapshot,
        body: dict[str, Any],
    ) -> None:
        """Answer how many tokens a prompt is likely to have; it is a request, and costs nothing."""
        _call, prompt = _checked(endpoint, offer, counted(body))
        held = await self._limits.take(exchange.id, _limits_of(caller, offer), 0)
        self._limits.release(held, 0)
        exchange.notes.update(held.standing.headers())
        tokens = estimate(prompt.size, self._calibration(offer).prompt, prompt.bound)
        await exchange.answer(200, b'{"input_tokens":%d}' % max(1, tokens))

    async def _funded(self, admitted: Admitted, wished: int) -> None:
        admitted.reservation = await self._reserve(admitted, wished)
        admitted.cap = admitted.reservation.cap
        if admitted.reservation.lowered:
            admitted.exchange.notes["x-tessera-max-tokens"] = str(admitted.cap)
        admitted.exchange.watch()
        answer = await self._ask(admitted)
        try:
            if admitted.call.stream:
                await self._stream(admitted, answer)
            else:
                await self._whole(admitted, answer)
        finally:
            answer.close()

    async def _reserve(self, admitted: Admitted, wished: int) -> Reservation:
        least = min(wished, LEAST if admitted.call.cap is None else LEAST_ASKED)
        choices = admitted.call.choices
        caller = admitted.caller
        # Of the time that the books will know: its window is the one that is spent from.
        allowances = self._purses.allowances.of(caller, admitted.occurred_at)
        ask = Ask(admitted.rates, admitted.prompt.bound, wished, least, choices, allowances)
        key = (caller.organization_id, admitted.offer.token_class_id, caller.currency)
        reservation = await self._purses.reserve(key, ask)
        if reservation is None:
            if short := ask.refused_by():
                raise exceeded(short, caller, self._top_up_link(caller))
            raise FundsMissing(
                "The balance cannot pay for this request. Top up at " + self._top_up_link(caller)
            )
        return reservation

    def _free(self, admitted: Admitted) -> None:
        """Release the whole reservation: nothing was delivered."""
        reservation, admitted.reservation = admitted.reservation, None
        if reservation is not None:
            reservation.purse.settle(reservation, worth.Need(worth.ZERO, worth.ZERO))

    async def _ask(self, admitted: Admitted) -> Routed:
        """Return the engine's good answer; its refusals are passed on, its failures are ours."""
        cap = admitted.cap if admitted.endpoint.generates else None
        question = Question(
            admitted.endpoint.path, lambda model: calls.for_engine(admitted.call, model, cap)
        )
        if cap and not admitted.call.stream:
            question.whole = cap * admitted.call.choices
        question.headers = admitted.exchange.onward
        answer = await self._router.ask(admitted.offer.routes, question)
        if answer.status == 200:
            return answer
        try:
            raise await routing.refusal(answer)
        finally:
            answer.close()

    async def _whole(self, admitted: Admitted, answer: Routed) -> None:
        try:
            body = await answer.read(LARGEST_ANSWER)
        except UpstreamError as error:
            answer.broke()
            raise UpstreamFailed("The engine's answer broke off.") from error
        seen = _look(admitted.endpoint, body)
        measured = self._measure(admitted, seen.usage, Delivered(seen.delivered))
        # An answer that nobody sees may have been thought, or stand in its probabilities alone.
        has_content = not admitted.endpoint.generates or seen.delivered or measured.completion
        told = _told(admitted, body, measured if has_content else NOTHING)
        exchange = admitted.exchange
        # From here the answer is on its way: settled first, so that no kill can make it free.
        exchange.unwatch()
        if has_content:
            await self._settle(admitted, measured, None, "completed")
        await exchange.answer(200, told)

    async def _stream(self, admitted: Admitted, answer: Routed) -> None:
        delivery = Delivery()
        try:
            outcome = await self._relay(admitted, answer, delivery)
        except asyncio.CancelledError:
            if not admitted.exchange.gone:
                await self._interrupt(admitted, delivery)
                raise
            outcome = "client_gone"
        except Exception:
            # Whatever broke is ours to look at; what was delivered is billed all the same.
            await self._interrupt(admitted, delivery)
            raise
        admitted.exchange.unwatch()
        measured = await self._close_books(admitted, delivery, outcome)
        if outcome != "client_gone":
            tail = _tail(admitted, delivery, measured, outcome)
            await admitted.exchange.write(tail, more=False)

    async def _interrupt(self, admitted: Admitted, delivery: Delivery) -> None:
        """Bill what was delivered of a stream that we end ourselves, and tell whoever still reads."""
        measured = await self._close_books(admitted, delivery, "interrupted")
        if not admitted.exchange.started:
            return
        tail = _tail(admitted, delivery, measured, "interrupted")
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await admitted.exchange.write(tail, more=False)

    async def _relay(self, admitted: Admitted, answer: Routed, delivery: Delivery) -> str:
        """Pass events on as they come; returns how it ended."""
        cutter = deltas.Cutter()
        try:
            async for chunk in answer.chunks():
                await self._pass_on(admitted, delivery, cutter.feed(chunk))
            if rest := cutter.rest():
                await self._pass_on(admitted, delivery, [rest])
        except (UpstreamError, deltas.EventTooLarge) as error:
            answer.broke()
            if not admitted.exchange.started:
                raise UpstreamFailed("The engine's answer broke off.") from error
            return "upstream_failed"
        if not admitted.exchange.started:
            raise UpstreamFailed("The engine's answer was empty.")
        return "completed" if delivery.finished else "upstream_failed"

    async def _pass_on(self, admitted: Admitted, delivery: Delivery, events: list[bytes]) -> None:
        """Write what came together together: a write costs more than all else done for an event."""
        shown: list[bytes] = []
        sizes: list[int] = []
        waiting = 0
        for event in events:
            seen = deltas.look(event)
            # Usage counts what was delivered before it: that must have been written when it is noted.
            if seen.failed or seen.usage is not None or waiting >= LARGEST_WRITE:
                await self._write(admitted, delivery, shown, sizes)
                shown, sizes, waiting = [], [], 0
            if seen.failed:
                # In the engine's own words it may name its machines, or be no JSON: ours follow.
                raise UpstreamError("the engine tells an error", reached=True)
            if not _shows(admitted, delivery, seen, event):
                continue
            if told := _retold(admitted, event):
                shown.append(told)
                sizes.append(seen.delivered)
                waiting += len(told)
        await self._write(admitted, delivery, shown, sizes)

    async def _write(
        self, admitted: Admitted, delivery: Delivery, events: list[bytes], sizes: list[int]
    ) -> None:
        if not events:
            return
        exchange = admitted.exchange
        if not exchange.started:
            await exchange.start(200, EVENT_STREAM, PART_HEADERS)
        await exchange.write(b"".join(events), more=True)
        if any(sizes):
            self._count(admitted, delivery, [size for size in sizes if size])

    def _count(self, admitted: Admitted, delivery: Delivery, sizes: list[int]) -> None:
        delivery.size += sum(sizes)
        delivery.events += len(sizes)
        now = time.monotonic()
        if delivery.ttft_ms is None:
            delivery.ttft_ms = admitted.milliseconds()
        else:
            METRICS.of(admitted.offer.name).wrote(now - delivery.wrote_at, len(sizes))
        delivery.wrote_at = now
        due = delivery.journalled_at + JOURNAL_EVERY - now
        if due <= 0:
            self._note(admitted, delivery)
        elif delivery.note_due is None:
            # An engine that falls silent now must not leave this out of the journal.
            loop = asyncio.get_running_loop()
            delivery.note_due = loop.call_later(due, self._note, admitted, delivery)

    def _note(self, admitted: Admitted, delivery: Delivery) -> None:
        """Write into the journal what was delivered so far."""
        delivery.rest()
        delivery.journalled_at = time.monotonic()
        so_far = self._measure(admitted, None, delivery.delivered)
        self._recorder.progress(self._settled(admitted, so_far, delivery.ttft_ms, "interrupted"))

    async def _close_books(self, admitted: Admitted, delivery: Delivery, outcome: str) -> Measured:
        """Bill what was delivered, if anything is owed; returns what was billed."""
        delivery.rest()
        measured = self._measure(admitted, delivery.claim, delivery.delivered)
        if not delivery.size and not _owed(admitted, measured, outcome):
            return NOTHING
        await self._settle(admitted, measured, delivery.ttft_ms, outcome)
        return measured

    def _measure(self, admitted: Admitted, usage: Any, delivered: Delivered) -> Measured:
        calibration = self._calibration(admitted.offer)
        if echoed := admitted.call.echoed:
            delivered = Delivered(max(0, delivered.size - echoed), delivered.events)
        return measure(usage, admitted.bounds, delivered, calibration)

    def _calibration(self, offer: OfferSnapshot) -> Calibration:
        return self._calibrations.setdefault(offer.name, Calibration())

    async def _settle(
        self, admitted: Admitted, measured: Measured, ttft_ms: int | None, outcome: str
    ) -> None:
        settled = self._settled(admitted, measured, ttft_ms, outcome)
        reservation, admitted.reservation = admitted.reservation, None
        if reservation is not None:
            reservation.purse.settle(reservation, admitted.rates.need(measured.parts))
        admitted.used = measured.total
        reserved = reservation.allowed if reservation is not None else worth.ZERO
        tokens = admitted.prompt.bound + admitted.cap * admitted.call.choices
        admitted.exchange.bill = Bill(settled, tokens, reserved)
        await self._recorder.settle(settled)

    def _settled(
        self, admitted: Admitted, measured: Measured, ttft_ms: int | None, outcome: str
    ) -> Settled:
        rates, caller, offer = admitted.rates, admitted.caller, admitted.offer
        parts = {part: count for part, count in measured.parts.items() if count}
        slices = admitted.reservation.slices if admitted.reservation else []
        windows = admitted.reservation.windows if admitted.reservation else []
        paid = worth.split(rates.need(parts), slices)
        return Settled(
            organization_id=caller.organization_id,
            project_id=caller.project_id,
            api_key_id=caller.id,
            event_id=admitted.exchange.id,
            occurred_at=admitted.occurred_at,
            offer_id=offer.offer_id,
            offer_name=offer.name,
            region=offer.region,
            parts=parts,
            price_ids={part: rates.price_ids[part] for part in parts},
            amounts=rates.amounts(parts),
            currency=caller.currency,
            allocations=list(paid.allocations),
            budgets=windows,
            ttft_ms=ttft_ms,
            latency_ms=admitted.milliseconds(),
            streamed=admitted.call.stream,
            outcome=outcome,
            policy={
                "jurisdiction": offer.jurisdiction,
                "allowed_jurisdictions": caller.allowed_jurisdictions,
                "estimated": measured.estimated,
            },
        )


def _checked(endpoint: Endpoint, offer: OfferSnapshot, body: dict[str, Any]) -> tuple[Call, Prompt]:
    if offer.kind not in endpoint.kinds:
        raise InvalidRequest(
            f"The model '{offer.name}' is not for this endpoint.",
            param="model",
            code="model_not_supported",
        )
    calls.refuse_forbidden(body)
    prompt = endpoint.prompt(body, offer)
    if not endpoint.generates:
        return Call(body=body, model=calls.text(body, "model")), prompt
    call = calls.generation(body, offer.max_output or offer.context_window)
    call.choices *= prompt.items
    if calls.flag(body, "echo"):
        call.echoed = prompt.size * call.choices // prompt.items
    return call, prompt


def _shows(admitted: Admitted, delivery: Delivery, seen: deltas.Seen, event: bytes) -> bool:
    """Note what an event tells of the stream; returns whether it is for the client now."""
    if seen.usage is not None:
        delivery.usage = seen.usage
        delivery.usage_size = delivery.size + seen.delivered
    delivery.finished = delivery.finished or seen.done or seen.finished
    if seen.done:
        delivery.tail = event
        return False
    return admitted.call.wants_usage or not seen.only_usage


def _retold(admitted: Admitted, event: bytes) -> bytes:
    """Return an event of the engine's as the caller gets it; nothing when it has nothing for them."""
    if admitted.dialect is not None:
        return admitted.dialect.events(event)
    return deltas.named(event, admitted.offer.name)


def _told(admitted: Admitted, body: bytes, measured: Measured) -> bytes:
    """Return a whole answer as the caller gets it."""
    if admitted.dialect is None:
        return deltas.named(body, admitted.offer.name)
    try:
        return admitted.dialect.whole(body, measured.parts)
    except UpstreamError as error:
        raise UpstreamFailed("The engine's answer cannot be read.") from error


def _tail(admitted: Admitted, delivery: Delivery, measured: Measured, outcome: str) -> bytes:
    """Return the end of a stream whose books are closed."""
    error: GatewayError | None = None
    if outcome == "upstream_failed":
        error = UpstreamFailed("The engine's answer broke off; what was delivered is billed.")
    elif outcome == "interrupted":
        error = Unavailable("This gateway had to stop; what was delivered is billed.")
    if admitted.dialect is not None:
        return admitted.dialect.end(measured.parts, error)
    return b"data: " + error.body() + b"\n\n" if error else delivery.tail


def _owed(admitted: Admitted, measured: Measured, outcome: str) -> bool:
    """Whether a stream without any visible text is to be paid for.

    So is one that ends well after tokens nobody sees, and the prompt of one whose client left once
    it had begun.
    """
    if outcome == "completed":
        return measured.completion > 0
    return outcome == "client_gone" and admitted.exchange.started


def _wished(offer: OfferSnapshot, call: Call) -> int:
    return call.cap or offer.max_output or offer.context_window


def _limits_of(caller: Caller, offer: OfferSnapshot) -> list[Limit]:
    of_the_model = Limit(
        f"limits:{{{caller.organization_id}}}:{offer.name}",
        offer.default_rpm,
        offer.default_tpm,
        offer.default_concurrency,
    )
    return [of_the_model, *limits_of(caller)]


def _look(endpoint: Endpoint, body: bytes) -> deltas.Seen:
    """Return what a whole answer holds; refuses what holds no answer at all."""
    seen = deltas.look_at(body) if endpoint.generates else deltas.look_at_vectors(body)
    if seen.failed or not seen.answers:
        raise UpstreamFailed("The engine's answer cannot be read.")
    return seen
