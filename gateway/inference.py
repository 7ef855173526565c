"""One call from admission to settlement: limits, funds, engine, answer, books.

Speed matters here more than elsewhere, so the steps stand plainly one after the other.
"""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from gateway import books, calls, deltas, endpoints, routing
from gateway.admitted import Admitted
from gateway.agreements import Agreement, Agreements
from gateway.allowances import exceeded
from gateway.books import Books
from gateway.breaker import Engine
from gateway.buckets import Held
from gateway.calls import Call
from gateway.counter import Counter
from gateway.dialects.messages.request import counted
from gateway.endpoints import Endpoint
from gateway.errors import FundsMissing, TooFast, UpstreamFailed
from gateway.exchange import Exchange
from gateway.keys import Caller
from gateway.limits import Limits
from gateway.prompts import Prompt
from gateway.purse import Ask, Reservation
from gateway.purses import Purses
from gateway.recorder import Recorder
from gateway.routing import Question, Routed, Router
from gateway.standings import TOKENS_USED_UP
from gateway.streaming import Stream
from gateway.tokenizers import Tokenizers
from gateway.trials import NEW, USUAL, Shadows, Watch, is_chosen
from gateway.upstreams.base import Upstream, UpstreamError
from gateway.usage import NOTHING, Delivered, Measured
from gateway.watching import watched
from gateway.words import Said
from gateway.worth import Media
from marketplace.queries import OfferSnapshot, OnTrial

#: An asked-for cap is not lowered below this, nor a shorter one at all.
LEAST_ASKED = 256
#: Without a cap in the request, an answer of this many tokens is still useful.
LEAST = 64
LARGEST_ANSWER = 64 * 1024 * 1024


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
        counter: Counter,
    ) -> None:
        self._limits = limits
        self._purses = purses
        self._tokenizers = Tokenizers(counter)
        self._books = Books(recorder, self._tokenizers)
        self._router = Router(upstream)
        self._shadows = Shadows(upstream)
        self._agreements = Agreements()
        self._top_up_link = top_up_link

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
        self._books.check()
        dialect = endpoint.dialect(body, exchange.id) if endpoint.dialect else None
        call, prompt = endpoints.checked(endpoint, offer, dialect.body if dialect else body)
        wished = endpoints.wished(offer, call) if endpoint.generates else 0
        agreement = self._agreements.between(caller, offer)
        longest = wished * call.choices
        held = self._limits.take_at_once(agreement.buckets, prompt.bound + longest)
        if held is None:
            held, prompt = await self._taken(
                exchange.id, endpoint, agreement, call, prompt, longest
            )
        exchange.notes.update(held.standing.headers())
        now = datetime.now(UTC)
        admitted = Admitted(
            exchange,
            endpoint,
            caller,
            offer,
            call,
            prompt,
            agreement.then(now),
            now,
            time.monotonic(),
            held,
            dialect,
        )
        try:
            await self._funded(admitted, wished)
        finally:
            books.free(admitted)
            self._limits.release(held, admitted.used)
        if offer.trial is not None and offer.trial.shadow is not None:
            self._shadows.consider(admitted, offer.trial.shadow)

    async def close(self) -> None:
        """Let go of what is under way for nobody."""
        await self._shadows.close()

    async def _taken(
        self,
        request_id: str,
        endpoint: Endpoint,
        agreement: Agreement,
        call: Call,
        prompt: Prompt,
        longest: int,
    ) -> tuple[Held, Prompt]:
        """Take the call from its limits; what is too much by its bytes may not be by its tokens."""
        take, buckets = self._limits.take, agreement.buckets
        try:
            return await take(request_id, buckets, prompt.bound + longest), prompt
        except TooFast as error:
            if error.code != TOKENS_USED_UP:
                raise
            tight = await self._tight(endpoint, agreement.offer, call, prompt)
            if tight is prompt:
                raise
        return await take(request_id, buckets, tight.bound + longest), tight

    async def _tight(
        self, endpoint: Endpoint, offer: OfferSnapshot, call: Call, prompt: Prompt
    ) -> Prompt:
        """Return the prompt as the model's own tokenizer bounds it; the same where that is no less."""
        if not offer.tokenizer:
            return prompt
        saved = await self._tokenizers.saved(offer, call.body)
        return endpoints.tightened(endpoint, offer, call.body, prompt, saved)

    async def count(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        caller: Caller,
        offer: OfferSnapshot,
        body: dict[str, Any],
    ) -> None:
        """Answer how many tokens a prompt is likely to have; it is a request, and costs nothing."""
        asked = counted(body)
        _call, prompt = endpoints.checked(endpoint, offer, asked)
        agreement = self._agreements.between(caller, offer)
        held = await self._limits.take(exchange.id, agreement.buckets, 0)
        self._limits.release(held, 0)
        exchange.notes.update(held.standing.headers())
        tokens = await self._tokenizers.likely(
            offer, asked, prompt, self._books.calibration(offer).prompt
        )
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
                await Stream(admitted, answer, self._books).run()
            else:
                await self._whole(admitted, answer)
        finally:
            answer.close()

    async def _reserve(self, admitted: Admitted, wished: int) -> Reservation:
        least = min(wished, LEAST if admitted.call.cap is None else LEAST_ASKED)
        choices = admitted.call.choices
        caller, agreement = admitted.caller, admitted.agreement
        # Of the time that the books will know: its window is the one that is spent from.
        allowances = self._purses.allowances.of(caller, admitted.occurred_at)
        prompt = admitted.prompt
        media = Media(prompt.image, prompt.audio, prompt.speaks)
        ask = Ask(agreement.rates, prompt.bound, wished, least, choices, allowances, media)
        purses = self._purses
        reservation = purses.reserve_at_once(agreement.purse, ask)
        if reservation is None:
            reservation = await purses.reserve(agreement.purse, ask)
        if admitted.offer.tokenizer and (reservation is None or reservation.lowered):
            admitted.reservation = reservation
            ask = await self._tightened(admitted, ask)
            reservation = admitted.reservation
        if reservation is None:
            if short := ask.refused_by():
                raise exceeded(short, caller, self._top_up_link(caller))
            raise FundsMissing(
                "The balance cannot pay for this request. Top up at " + self._top_up_link(caller)
            )
        return reservation

    async def _tightened(self, admitted: Admitted, ask: Ask) -> Ask:
        """Try once more to pay for all that is wished, with a prompt counted in tokens."""
        tight = await self._tight(admitted.endpoint, admitted.offer, admitted.call, admitted.prompt)
        if tight is not admitted.prompt:
            books.free(admitted)
            admitted.prompt = tight
            ask = structs.replace(ask, prompt=tight.bound)
            admitted.reservation = await self._purses.reserve(admitted.agreement.purse, ask)
        return ask

    async def _ask(self, admitted: Admitted) -> Routed:
        """Return the engine's good answer; its refusals are passed on, its failures are ours."""
        cap = admitted.cap if admitted.endpoint.generates else None
        question = Question(
            admitted.endpoint.path, lambda route: calls.for_engine(admitted.call, route, cap)
        )
        if cap and not admitted.call.stream:
            question.whole = cap * admitted.call.choices
        question.headers = admitted.exchange.onward
        offer = admitted.offer
        if offer.trial is None or offer.trial.canary is None:
            answer = await self._router.ask(offer.routes, question)
        else:
            answer = await self._compared(offer, offer.trial.canary, question)
        if answer.status == 200:
            return answer
        try:
            raise await routing.refusal(answer)
        finally:
            answer.close()

    async def _compared(self, offer: OfferSnapshot, canary: OnTrial, question: Question) -> Routed:
        """Ask the canary first if the request is drawn for it; count how whoever is first answers."""
        if is_chosen(canary):
            watch, first = Watch(canary, offer.name, NEW), canary.route
            return await self._router.ask(offer.routes, question, watch, first)
        return await self._router.ask(offer.routes, question, Watch(canary, offer.name, USUAL))

    async def _whole(self, admitted: Admitted, answer: Routed) -> None:
        try:
            body = await answer.read(LARGEST_ANSWER)
        except UpstreamError as error:
            answer.broke()
            raise UpstreamFailed("The engine's answer broke off.") from error
        seen = _look(admitted.endpoint, body)
        delivered = Delivered(seen.delivered)
        measured = self._books.measure(admitted, seen.usage, delivered)
        if measured.estimated and admitted.offer.tokenizer:
            said = Said()
            said.hear(body)
            measured = await self._books.recount(admitted, seen.usage, delivered, said)
        # An answer that nobody sees may have been thought, or stand in its probabilities alone.
        has_content = not admitted.endpoint.generates or seen.delivered or measured.completion
        told = _told(admitted, body, measured if has_content else NOTHING)
        exchange = admitted.exchange
        # From here the answer is on its way: settled first, so that no kill can make it free.
        exchange.unwatch()
        if has_content:
            await self._books.settle(admitted, measured, "completed")
        await exchange.answer(200, told)


def _told(admitted: Admitted, body: bytes, measured: Measured) -> bytes:
    """Return a whole answer as the caller gets it."""
    if admitted.dialect is None:
        return deltas.named(body, admitted.offer.name)
    try:
        return admitted.dialect.whole(body, measured.parts)
    except UpstreamError as error:
        raise UpstreamFailed("The engine's answer cannot be read.") from error


def _look(endpoint: Endpoint, body: bytes) -> deltas.Seen:
    """Return what a whole answer holds; refuses what holds no answer at all."""
    seen = deltas.look_at(body) if endpoint.generates else deltas.look_at_vectors(body)
    if seen.failed or not seen.answers:
        raise UpstreamFailed("The engine's answer cannot be read.")
    return seen
