"""From an offer to an engine: by priority, weight and health; failover before the first byte."""

import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.breaker import OPEN, Engine, Engines
from gateway.deltas import UNREADABLE
from gateway.errors import GatewayError, InvalidRequest, TooFast, Unavailable, UpstreamFailed
from gateway.upstreams.base import NOTHING, Answer, Patience, Upstream, UpstreamError
from marketplace.queries import RouteSnapshot

LARGEST_REFUSAL = 100_000
#: Statuses that tell of the request, and would be the same from any other server.
ABOUT_THE_REQUEST = frozenset({200, 400, 413, 422})
#: Statuses with which whatever stands in front of an engine says that it is not there. Any other
#: failure comes from an engine that lives, and may have been brought about by the request.
NOT_THERE = frozenset({502, 503, 504})
#: So many engines one request asks at most: one that kills engines shall not kill them all.
MOST_TRIES = 3
#: A connection that broke so soon was one that the engine was just closing: it is asked once more.
AT_ONCE = 1.0
#: An engine on trial gets no longer than this to begin, where another could answer instead.
TRIAL = 10.0
#: So many tokens a second even a busy engine makes of an answer that comes as a whole.
SLOWEST = 10
LONGEST_WHOLE = 600.0


class Question(msgspec.Struct):
    """What an engine is asked, in the name by which it knows the model, and as it takes it."""

    path: str
    body: Callable[[RouteSnapshot], bytes]
    #: Tokens of an answer that comes only when all of it is made.
    whole: int = 0
    headers: Mapping[str, str] = NOTHING

    def patience(self, route: RouteSnapshot) -> Patience:
        """Return how long this engine may take to answer it."""
        first_byte = float(route.first_byte_seconds)
        if self.whole:
            first_byte = max(first_byte, min(LONGEST_WHOLE, first_byte + self.whole / SLOWEST))
        return Patience(route.connect_seconds, first_byte, route.idle_seconds)


class Way(msgspec.Struct):
    """A route, and what this process knows of the engine at its end."""

    route: RouteSnapshot
    engine: Engine


class Watch(Protocol):
    """Who notes how the first way answers that is asked; see :mod:`gateway.trials`."""

    def failed(self) -> None:
        """Note that it did not answer."""
        ...

    def left_out(self) -> None:
        """Note that it is not asked."""
        ...

    def answered(self, answer: "Routed") -> None:
        """Note an answer that has begun."""
        ...

    def broke(self) -> None:
        """Note that the answer did not come to its end."""
        ...


class Routed:
    """An engine's answer that has begun."""

    #: Who is told when it breaks off.
    watch: Watch | None = None

    def __init__(self, answer: Answer, engine: Engine) -> None:
        self._answer = answer
        self._engine = engine
        self._running = True
        self.status = answer.status

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the body as it arrives; raises UpstreamError when it breaks off or falls silent."""
        return self._answer.chunks()

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises UpstreamError when it breaks off or passes the limit."""
        return await self._answer.read(limit)

    @property
    def failed(self) -> bool:
        """Whether its status tells of the engine, and not of the request."""
        return self.status not in ABOUT_THE_REQUEST

    def broke(self) -> None:
        """Hold it against the engine that the answer did not come to its end."""
        if self.watch is not None:
            self.watch.broke()
        self._engine.failed(time.monotonic(), "broke_off", shuts=False)

    def close(self) -> None:
        """Stop: the engine sees the connection end unless the answer was read to its end."""
        self._answer.close()
        if self._running:
            self._running = False
            self._engine.release()


class Router:
    """Finds an engine that answers, for every request of this process."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.engines = Engines()

    async def ask(
        self,
        routes: Sequence[RouteSnapshot],
        question: Question,
        watch: Watch | None = None,
        canary: RouteSnapshot | None = None,
    ) -> Routed:
        """Return the first engine's answer that is not a failure; 503 or 502 when all fail.

        A canary is asked before all others. ``watch`` is told how the first way answers.
        """
        reached = False
        if watch is None or canary is None:
            ways = self._ways(routes, time.monotonic())
        else:
            ways = self._ways_behind(canary, routes, watch)
        for others, way in zip(reversed(range(len(ways))), ways, strict=True):
            try:
                answer = await self._try(way, question, others)
            except UpstreamError as error:
                reached = reached or error.reached
                if watch is not None:
                    watch.failed()
                continue
            if watch is not None:
                watch.answered(answer)
            if answer.status in ABOUT_THE_REQUEST or not others:
                return answer
            answer.close()
        if reached:
            raise UpstreamFailed("The engine gave no answer. Nothing was billed.")
        raise Unavailable("No engine can be reached at present. Nothing was billed.")

    def _ways(self, routes: Sequence[RouteSnapshot], now: float) -> list[Way]:
        """Return the ways that may be tried, in order; refuses when all their engines are shut."""
        find = self.engines.find
        if len(routes) == 1:
            route = routes[0]
            engine = find(route.base_url, route.upstream_model, route.server, now)
            if engine.is_well:
                return [Way(route, engine)]
        ways = [Way(it, find(it.base_url, it.upstream_model, it.server, now)) for it in routes]
        usable = [way for way in ways if way.engine.state(now) != OPEN]
        if ways and not usable:
            raise _all_shut(ways, now)
        return in_order(usable, now)[:MOST_TRIES]

    def _ways_behind(
        self, canary: RouteSnapshot, routes: Sequence[RouteSnapshot], watch: Watch
    ) -> list[Way]:
        """Return the canary and the ways behind it; one that is shut out here has failed.

        One whose server was found ill from outside is left to others, and not blamed for it.
        """
        now = time.monotonic()
        engine = self.engines.find(canary.base_url, canary.upstream_model, canary.server, now)
        if engine.state(now) == OPEN:
            watch.failed()
            return self._ways(routes, now)
        try:
            others = self._ways(routes, now)
        except Unavailable:
            others = []
        if canary.is_passed_over and others:
            watch.left_out()
            return others
        return [Way(canary, engine), *others][:MOST_TRIES]

    async def _try(self, way: Way, question: Question, others: int) -> Routed:
        """Ask one engine, and note how it did."""
        engine = way.engine
        trial = engine.take(time.monotonic())
        patience = question.patience(way.route)
        if trial and others:
            hasty = min(TRIAL, patience.first_byte)
            patience = msgspec.structs.replace(patience, first_byte=hasty)
        begun = False
        try:
            answer = await self._post(way.route, question, patience)
            begun = True
        except UpstreamError as error:
            # When an answer is long in the making, that may be what took too long.
            reason = "no_answer" if error.reached else "unreachable"
            shuts = not (question.whole and error.reached)
            engine.failed(time.monotonic(), reason, shuts=shuts)
            raise
        finally:
            if trial:
                engine.end_trial()
            if not begun:
                engine.release()
        _judge(engine, answer.status)
        return Routed(answer, engine)

    async def _post(self, route: RouteSnapshot, question: Question, patience: Patience) -> Answer:
        body, began = question.body(route), time.monotonic()
        whole = (route.base_url, route.credential, question.path, body, patience, question.headers)
        try:
            return await self._upstream.post(*whole)
        except UpstreamError as error:
            if not error.reached or time.monotonic() - began > AT_ONCE:
                raise
        return await self._upstream.post(*whole)


def in_order(ways: Sequence[Way], now: float) -> list[Way]:
    """Return the ways by priority, those of draining servers late and those of ill ones last.

    Among equals the heavier comes first more often, and less often while its engine fails.
    """
    if len(ways) == 1:
        return list(ways)
    return sorted(ways, key=lambda way: _place(way, now))


def _place(way: Way, now: float) -> tuple[bool, bool, int, float]:
    # Weighted shuffle (Efraimidis and Spirakis): u^(1/w), largest first.
    weight = max(1, way.route.weight) * (1 - way.engine.trouble(now))
    chance = random.random() ** (1 / weight)  # noqa: S311 - spreads load, keeps no secret
    route = way.route
    return route.is_passed_over, route.is_draining, route.priority, -chance


def _judge(engine: Engine, status: int) -> None:
    now = time.monotonic()
    if status in ABOUT_THE_REQUEST:
        engine.answered(now)
    elif status == 429:
        engine.failed(now, "busy", shuts=False)
    else:
        engine.failed(now, "error" if status >= 500 else "refused", shuts=status in NOT_THERE)


def _all_shut(ways: Sequence[Way], now: float) -> Unavailable:
    soonest = min(way.engine.shut_until for way in ways) - now
    return Unavailable(
        "No engine answers at present. Nothing was billed.",
        headers={"retry-after": str(max(1, math.ceil(soonest)))},
    )


async def refusal(answer: Answer) -> GatewayError:
    """Return the error that tells the caller of an engine's refusal, its own words where safe."""
    message, param = await _words(answer)
    if answer.status in (400, 422):
        return InvalidRequest(message or "The engine refuses the request.", param=param)
    if answer.status == 413:
        return InvalidRequest("The prompt is too long for the engine.", param="messages")
    if answer.status == 429:
        return TooFast("The engine is busy. Try again in a second.", headers={"retry-after": "1"})
    if answer.status == 503:
        return Unavailable("The engine is not ready. Nothing was billed.")
    # Among these are 401 and 404: our credential or our route is wrong, not the caller's.
    return UpstreamFailed("The engine failed. Nothing was billed.")


async def _words(answer: Answer) -> tuple[str, str | None]:
    try:
        body = msgspec.json.decode(await answer.read(LARGEST_REFUSAL))
    except (UpstreamError, *UNREADABLE):
        return "", None
    # OpenAI's envelope, a bare text in its place, or FastAPI's `detail`.
    error = body.get("error") or body.get("detail") or body if isinstance(body, dict) else body
    if not isinstance(error, dict):
        error = {"message": error}
    message, param = error.get("message"), error.get("param")
    return (
        message[:1000] if isinstance(message, str) else "",
        param if isinstance(param, str) else None,
    )
