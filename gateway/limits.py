"""How fast a caller may go: requests, tokens and parallel calls, held across all processes.

Buckets live in Redis and are filled by time; a request takes its worst case of tokens, or all that
a bucket holds if that is less, and is charged what it really used when it ends. One script decides
over all buckets of a request, all or none; while they are far from their ends, for some calls to
come as well. Without Redis each process keeps small buckets of its own: slower for the caller, never
wide open.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from gateway import advances
from gateway.buckets import (
    GIVE_SCRIPT,
    LOOK_SCRIPT,
    RENEW_SCRIPT,
    RETURN_SCRIPT,
    SCRIPTS,
    TAKE_SCRIPT,
    Buckets,
    Held,
)
from gateway.line import Line
from gateway.metrics import METRICS
from gateway.standings import MINUTE, Limit, Standing, standings_of, tightest, too_fast

#: Without Redis a process allows this share of a limit: several processes together stay near it.
LOCAL_SHARE = 4
#: After a failure Redis is left alone for so many seconds.
REST = 1.0
#: An answer of Redis that takes longer is not waited for.
PATIENCE = 0.25
#: Ended calls that Redis may still count, because it was away just then; the eldest are left to time.
MOST_UNTOLD = 10_000
#: So many of them are told at once, when it is back.
AT_ONCE = 100


class Limits:
    """The limits of all callers."""

    def __init__(self, client: "redis.Redis", *, patience: float = PATIENCE) -> None:
        self._line = Line(client.connection_pool, patience, SCRIPTS)
        self._local: dict[str, list[float]] = {}
        self._untold: deque[tuple[str, Buckets]] = deque(maxlen=MOST_UNTOLD)
        self._rest_until = 0.0
        #: The calls under way, and those to come, that hold places.
        self._places: dict[str, Buckets] = {}
        #: Where something is held for calls to come, and when that goes back.
        self._ahead: set[Buckets] = set()
        self._returning: asyncio.TimerHandle | None = None

    def take_at_once(self, buckets: Buckets, tokens: int) -> Held | None:
        """Take it from what is held for calls to come; None when Redis must be asked."""
        advance = buckets.advance
        advance.count(time.monotonic())
        place = advance.take(tokens)
        if place is None:
            return None
        left = buckets.standing
        standing = Standing(
            left.limit, left.requests + advance.requests, left.tokens + advance.tokens
        )
        return Held(place, buckets, tokens, local=False, standing=standing, is_of_advance=True)

    async def take(self, request_id: str, buckets: Buckets, tokens: int) -> Held:
        """Take one request and its worst case of tokens from every bucket, or refuse with 429."""
        answer: list[Any] | None = None
        if time.monotonic() >= self._rest_until:
            if self._untold:
                self._tell_again()
            answer = await self._ask(request_id, buckets, tokens)
        local = answer is None
        if answer is None:
            METRICS.limited_alone += 1
            answer = self._take_locally(buckets.limits, tokens)
        refused, by, ahead, *left = answer
        standings = standings_of(buckets.limits, left)
        if refused:
            raise too_fast(refused, standings[by], tokens)
        if buckets.counted and not local:
            self._places[request_id] = buckets
        standing = tightest(standings)
        if ahead:
            buckets.standing = standing
            self._take_in(request_id, buckets, ahead, tokens)
        return Held(request_id, buckets, tokens, local, standing, is_of_advance=bool(ahead))

    async def _ask(self, request_id: str, buckets: Buckets, tokens: int) -> list[Any] | None:
        """Ask Redis for this call, and where many come for some of them; None when it is away."""
        advance = buckets.advance
        ahead = advance.ahead
        advance.is_asking = advance.is_asking or ahead > 0
        try:
            call = buckets.take(request_id, tokens, ahead)
            return cast(list[Any], await self._line.ask(TAKE_SCRIPT, call))
        except (RedisError, OSError, TimeoutError):
            # It may have been taken all the same, and is given back by this process alone.
            taken = [request_id, *advances.names(request_id, ahead)]
            self._untold.extend((place, buckets) for place in taken)
            self._rest_until = time.monotonic() + REST
            return None
        finally:
            if ahead:
                advance.is_asking = False

    def _take_in(self, request_id: str, buckets: Buckets, calls: int, tokens: int) -> None:
        places = advances.names(request_id, calls)
        buckets.advance.add(calls, calls * tokens, places)
        if buckets.counted:
            self._places.update(dict.fromkeys(places, buckets))
        self._return_soon(buckets)

    def _return_soon(self, buckets: Buckets) -> None:
        self._ahead.add(buckets)
        if self._returning is None:
            loop = asyncio.get_running_loop()
            self._returning = loop.call_later(advances.TURN, self._give_back)

    def _give_back(self) -> None:
        """Return all that is held for calls to come, and ended calls have left with it."""
        self._returning = None
        ahead, self._ahead = self._ahead, set()
        for buckets in ahead:
            calls, unused, places = buckets.advance.empty()
            for place in places:
                self._places.pop(place, None)
            if not self._line.tell(RETURN_SCRIPT, buckets.give_back(calls, unused, places)):
                self._untold.extend((place, buckets) for place in places)

    def _take_locally(self, limits: Sequence[Limit], tokens: int) -> list[Any]:
        now, states, refused, by = time.monotonic(), [], 0, 0
        for place, limit in enumerate(limits):
            rpm, tpm = max(1.0, limit.requests / LOCAL_SHARE), limit.tokens / LOCAL_SHARE
            at, requests, left, running = self._local.get(limit.name, [now, rpm, tpm, 0.0])
            requests = min(rpm, requests + (now - at) * rpm / MINUTE)
            left = min(tpm, left + (now - at) * tpm / MINUTE)
            if not refused:
                refused = _verdict(limit, requests, left, running, min(tokens, tpm))
                by = place
            states.append([now, requests, left, running])
        answer: list[Any] = [refused, by, 0]
        for limit, state in zip(limits, states, strict=True):
            if not refused:
                state[1] -= 1
                state[2] -= min(tokens, limit.tokens / LOCAL_SHARE)
                state[3] += 1
                self._local[limit.name] = state
            answer += [state[1], state[2]]
        return answer

    async def look(self, limits: list[Limit]) -> list[tuple[Standing, int]] | None:
        """Return what is left of each bucket and how many calls run; None while nobody knows."""
        sizes = [size for each in limits for size in (each.requests, each.tokens)]
        try:
            found = await self._line.run(LOOK_SCRIPT, [each.name for each in limits], sizes)
        except (RedisError, OSError, TimeoutError):
            return None
        numbers = [float(each) for each in found]
        triples = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
        return [
            self._without_those_ahead(Standing(limit, requests, tokens), int(running))
            for limit, (requests, tokens, running) in zip(limits, triples, strict=True)
        ]

    def _without_those_ahead(self, standing: Standing, running: int) -> tuple[Standing, int]:
        """Return it as if nothing were held here for calls that have not come."""
        limit, requests, tokens = standing.limit, standing.requests, standing.tokens
        for buckets in self._ahead:
            if any(each.name == limit.name for each in buckets.limits):
                requests += buckets.advance.requests
                tokens += buckets.advance.tokens
                running -= len(buckets.advance.places) if limit.concurrency else 0
        return Standing(limit, min(requests, limit.requests), min(tokens, limit.tokens)), running

    def release(self, held: Held, used: int) -> None:
        """Give back the place and the tokens that were not used; nobody waits for that."""
        if held.local:
            self._release_locally(held, used)
            return
        if held.is_of_advance:
            held.buckets.advance.give(held.request_id, held.tokens, used)
            self._return_soon(held.buckets)
            return
        self._places.pop(held.request_id, None)
        if not self._give(held.request_id, held.buckets, held.tokens, used):
            self._untold.append((held.request_id, held.buckets))
            self._rest_until = time.monotonic() + REST

    def _give(self, request_id: str, buckets: Buckets, tokens: int, used: int) -> bool:
        """Tell Redis that a request has ended; False while it cannot be told."""
        return self._line.tell(GIVE_SCRIPT, buckets.give(request_id, tokens, used))

    def _tell_again(self) -> None:
        """Give back the places of ended requests; what they took of tokens is there again by now."""
        for _number in range(min(AT_ONCE, len(self._untold))):
            if not self._give(*self._untold[0], 0, 0):
                return
            self._untold.popleft()

    async def renew(self) -> None:
        """Keep the places of the calls under way.

        Told without a pause between: a call that ended meanwhile would get its place again.
        """
        found: defaultdict[str, list[str]] = defaultdict(list)
        for request_id, buckets in self._places.items():
            for name in buckets.counted:
                found[name].append(request_id)
        for name, ids in found.items():
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                self._line.tell(RENEW_SCRIPT, RENEW_SCRIPT.call([name], some))

    async def close(self) -> None:
        """Return what is held for calls to come, and hang up."""
        if self._returning is not None:
            self._returning.cancel()
            self._give_back()
            # What is told goes out with the next turn of the loop.
            await asyncio.sleep(0)
        await self._line.close()

    def _release_locally(self, held: Held, used: int) -> None:
        for limit in held.buckets.limits:
            state = self._local.get(limit.name)
            if state is not None:
                share = limit.tokens / LOCAL_SHARE
                state[2] = min(share, state[2] + min(held.tokens, share) - used)
                state[3] = max(0.0, state[3] - 1)


def _verdict(limit: Limit, requests: float, left: float, running: float, want: float) -> int:
    if limit.concurrency and running >= max(1, limit.concurrency // LOCAL_SHARE):
        return 3
    if limit.requests and requests < 1:
        return 1
    return 2 if limit.tokens and left < want else 0
