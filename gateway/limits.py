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

import msgspec
import redis.asyncio as redis
from redis.exceptions import RedisError

from gateway import advances
from gateway.advances import Advance
from gateway.errors import TooFast
from gateway.keys import Caller
from gateway.line import Line, Script
from gateway.metrics import METRICS

MINUTE = 60.0
#: Without Redis a process allows this share of a limit: several processes together stay near it.
LOCAL_SHARE = 4
#: After a failure Redis is left alone for so many seconds.
REST = 1.0
#: More than any bucket's share that is left.
NO_LIMIT = 2.0
#: An answer of Redis that takes longer is not waited for.
PATIENCE = 0.25
#: Ended calls that Redis may still count, because it was away just then; the eldest are left to time.
MOST_UNTOLD = 10_000
#: So many of them are told at once, when it is back.
AT_ONCE = 100

# A place is a lease of 30 seconds, which its process renews while the call runs: of one that was killed
# they come free by themselves, whichever host it was on.
# Calls ahead of this one are taken with it where all buckets stay more than half full.
TAKE = f"""
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local ahead, cost = tonumber(ARGV[#ARGV-2]), tonumber(ARGV[#ARGV-1])
local id = ARGV[#ARGV]
local share = {advances.SHARE}
local answers, states, refused, by = {{}}, {{}}, 0, 0
for i, key in ipairs(KEYS) do
  local rpm, tpm, most = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i])
  local have = redis.call('HMGET', key, 'at', 'requests', 'tokens')
  local passed = now - (tonumber(have[1]) or now)
  if passed < 0 then passed = 0 end
  local requests = math.min(rpm, (tonumber(have[2]) or rpm) + passed * rpm / 60)
  local tokens = math.min(tpm, (tonumber(have[3]) or tpm) + passed * tpm / 60)
  local want = math.min(cost, tpm)
  local running = 0
  if most > 0 then
    redis.call('ZREMRANGEBYSCORE', key .. ':running', '-inf', now)
    running = redis.call('ZCARD', key .. ':running')
  end
  if refused == 0 then
    if most > 0 and running >= most then refused = 3
    elseif rpm > 0 and requests < 1 then refused = 1
    elseif tpm > 0 and tokens < want then refused = 2 end
    by = i
  end
  if rpm > 0 then ahead = math.min(ahead, rpm / share, requests - 1 - rpm / 2) end
  if tpm > 0 and want > 0 then
    ahead = math.min(ahead, tpm / share / want, (tokens - tpm / 2) / want - 1)
  end
  if most > 0 then ahead = math.min(ahead, most / share, most / 2 - running - 1) end
  states[i] = {{requests, tokens, want, most}}
end
ahead = math.floor(ahead)
if refused > 0 or ahead < {advances.FEWEST} then ahead = 0 end
for i, key in ipairs(KEYS) do
  local s = states[i]
  if refused == 0 then
    s[1], s[2] = s[1] - 1 - ahead, s[2] - s[3] * (1 + ahead)
    redis.call('HSET', key, 'at', now, 'requests', s[1], 'tokens', s[2])
    -- A limit that is set later begins full.
    if tonumber(ARGV[3*i-2]) < 0 then redis.call('HDEL', key, 'requests') end
    if tonumber(ARGV[3*i-1]) < 0 then redis.call('HDEL', key, 'tokens') end
    redis.call('EXPIRE', key, 120)
    if s[4] > 0 then
      redis.call('ZADD', key .. ':running', now + 30, id)
      for n = 1, ahead do redis.call('ZADD', key .. ':running', now + 30, id .. ':' .. n) end
      redis.call('EXPIRE', key .. ':running', 60)
    end
  end
  answers[2*i-1], answers[2*i] = tostring(s[1]), tostring(s[2])
end
return {{refused, by - 1, ahead, unpack(answers)}}
"""

# What the buckets hold now, and how many calls run; nothing is taken.
LOOK = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local answers = {}
for i, key in ipairs(KEYS) do
  local rpm, tpm = tonumber(ARGV[2*i-1]), tonumber(ARGV[2*i])
  local have = redis.call('HMGET', key, 'at', 'requests', 'tokens')
  local passed = math.max(0, now - (tonumber(have[1]) or now))
  answers[3*i-2] = tostring(math.min(rpm, (tonumber(have[2]) or rpm) + passed * rpm / 60))
  answers[3*i-1] = tostring(math.min(tpm, (tonumber(have[3]) or tpm) + passed * tpm / 60))
  answers[3*i] = tostring(redis.call('ZCOUNT', key .. ':running', now, '+inf'))
end
return answers
"""

# What was used above the worst case is a debt: the bucket may fall below nothing.
GIVE = """
local id = ARGV[#ARGV]
local taken, used = tonumber(ARGV[#ARGV-2]), tonumber(ARGV[#ARGV-1])
for i, key in ipairs(KEYS) do
  redis.call('ZREM', key .. ':running', id)
  local tokens, tpm = redis.call('HGET', key, 'tokens'), tonumber(ARGV[i])
  if tokens and tpm > 0 then
    local left = tonumber(tokens) + math.min(taken, tpm) - used
    redis.call('HSET', key, 'tokens', math.min(tpm, left))
    redis.call('EXPIRE', key, math.max(120, math.ceil((tpm - left) * 60 / tpm)))
  end
end
return 1
"""

# What was taken for calls that did not come, or did not need it.
RETURN = """
local first = 2 * #KEYS
local calls, unused = tonumber(ARGV[first+1]), tonumber(ARGV[first+2])
for i, key in ipairs(KEYS) do
  for place = first + 3, #ARGV do redis.call('ZREM', key .. ':running', ARGV[place]) end
  local rpm, tpm = tonumber(ARGV[2*i-1]), tonumber(ARGV[2*i])
  local have = redis.call('HMGET', key, 'requests', 'tokens')
  if have[1] and rpm > 0 then
    redis.call('HSET', key, 'requests', math.min(rpm, tonumber(have[1]) + calls))
  end
  if have[2] and tpm > 0 then
    local left = math.min(tpm, tonumber(have[2]) + unused)
    redis.call('HSET', key, 'tokens', left)
    redis.call('EXPIRE', key, math.max(120, math.ceil((tpm - left) * 60 / tpm)))
  end
end
return 1
"""

# Also puts back what a Redis that was flushed has forgotten.
RENEW = """
local t = redis.call('TIME')
local ends = tonumber(t[1]) + 30
for _, id in ipairs(ARGV) do redis.call('ZADD', KEYS[1] .. ':running', ends, id) end
redis.call('EXPIRE', KEYS[1] .. ':running', 60)
return 1
"""

TAKE_SCRIPT, LOOK_SCRIPT, GIVE_SCRIPT = Script(TAKE), Script(LOOK), Script(GIVE)
RENEW_SCRIPT, RETURN_SCRIPT = Script(RENEW), Script(RETURN)
SCRIPTS = (TAKE_SCRIPT, LOOK_SCRIPT, GIVE_SCRIPT, RENEW_SCRIPT, RETURN_SCRIPT)


class Limit(msgspec.Struct, frozen=True):
    """One bucket: its name and its size; 0 means no limit of that kind."""

    name: str
    requests: int
    tokens: int
    concurrency: int
    #: Whose limit it is, for people.
    owner: str = "model"


def limits_of(caller: Caller) -> list[Limit]:
    """Return the limits a caller has whatever it calls: its key's, its project's, all together's."""
    own = (caller.rpm_limit, caller.tpm_limit, caller.concurrency_limit)
    if not any((*own, *caller.project_limits, *caller.organization_limits)):
        return []
    prefix = f"limits:{{{caller.organization_id}}}"
    owned = (
        ("key", caller.id, own),
        ("project", caller.project_id, caller.project_limits),
        ("organization", caller.organization_id, caller.organization_limits),
    )
    return [
        Limit(f"{prefix}:{owner}:{id_}", rpm or 0, tpm or 0, most or 0, owner)
        for owner, id_, (rpm, tpm, most) in owned
        if rpm or tpm or most
    ]


class Standing(msgspec.Struct, frozen=True):
    """What is left of a bucket, or of the tightest of each kind, for the headers."""

    limit: Limit
    requests: float
    tokens: float

    def headers(self) -> dict[str, str]:
        """Return OpenAI's rate-limit headers."""
        found: dict[str, str] = {}
        if most := self.limit.requests:
            left = self.requests
            found["x-ratelimit-limit-requests"] = str(most)
            found["x-ratelimit-remaining-requests"] = str(max(0, int(left)))
            found["x-ratelimit-reset-requests"] = duration((most - left) * MINUTE / most)
        if most := self.limit.tokens:
            left = self.tokens
            found["x-ratelimit-limit-tokens"] = str(most)
            found["x-ratelimit-remaining-tokens"] = str(max(0, int(left)))
            found["x-ratelimit-reset-tokens"] = duration((most - left) * MINUTE / most)
        return found


def duration(seconds: float) -> str:
    """Return a time as OpenAI writes it in headers: 250ms, 6.5s, 1m30s."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{rest:.3f}".rstrip("0").rstrip(".") + "s"


class Buckets:
    """The buckets of a request, and the calls that take from them and give back, all but written."""

    __slots__ = ("_give", "_names", "_take", "advance", "counted", "limits", "standing")

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = limits
        #: What this process holds for calls to come, and what Redis said was left beside it.
        self.advance = Advance()
        self.standing = Standing(Limit("", 0, 0, 0), 0, 0)
        #: Those in which a call takes a place.
        self.counted = [each.name for each in limits if each.concurrency]
        self._names = names = [each.name for each in limits]
        sizes = [(each.requests or -1, each.tokens or -1, each.concurrency) for each in limits]
        self._take = TAKE_SCRIPT.call(names, [size for each in sizes for size in each], more=3)
        self._give = GIVE_SCRIPT.call(names, [each.tokens for each in limits], more=3)

    def take(self, request_id: str, tokens: int, ahead: int = 0) -> bytes:
        """Return the call that takes a request and so many tokens, and the same for those ahead."""
        return self._take + _last(b"%d" % ahead, b"%d" % tokens, request_id.encode())

    def give_back(self, calls: int, tokens: int, places: list[str]) -> bytes:
        """Return the call that returns what was taken for calls that did not come."""
        sizes = [size for each in self.limits for size in (each.requests, each.tokens)]
        return RETURN_SCRIPT.call(self._names, [*sizes, calls, tokens, *places])

    def give(self, request_id: str, tokens: int, used: int) -> bytes:
        """Return the call that ends the request, of whose tokens so many were used."""
        return self._give + _last(b"%d" % tokens, b"%d" % used, request_id.encode())


def _last(*words: bytes) -> bytes:
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


class Held(msgspec.Struct):
    """What a request has taken, to be given back by :meth:`Limits.release`."""

    request_id: str
    buckets: Buckets
    tokens: int
    local: bool
    standing: Standing
    #: Whether it was taken together with calls to come, and goes back to what is held for them.
    is_of_advance: bool = False


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
        standings = _standings(buckets.limits, left)
        if refused:
            raise _too_fast(refused, standings[by], tokens)
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


def _standings(limits: Sequence[Limit], numbers: Sequence[Any]) -> list[Standing]:
    """Return what is left of each bucket; Redis tells it as texts."""
    return [
        Standing(limit, float(numbers[2 * place]), float(numbers[2 * place + 1]))
        for place, limit in enumerate(limits)
    ]


def tightest(standings: list[Standing]) -> Standing:
    """Return what the headers tell: of requests and of tokens, each the bucket nearest its end."""
    if len(standings) == 1:
        return standings[0]
    requests = min(standings, key=_requests_left)
    tokens = min(standings, key=_tokens_left)
    limit = Limit("", requests.limit.requests, tokens.limit.tokens, 0)
    return Standing(limit, requests.requests, tokens.tokens)


def _requests_left(standing: Standing) -> float:
    most = standing.limit.requests
    return standing.requests / most if most else NO_LIMIT


def _tokens_left(standing: Standing) -> float:
    most = standing.limit.tokens
    return standing.tokens / most if most else NO_LIMIT


#: What the script says was used up.
CODES = {
    1: "rate_limit_exceeded",
    2: "token_limit_exceeded",
    3: "concurrency_limit_exceeded",
}


def _too_fast(refused: int, standing: Standing, tokens: int) -> TooFast:
    limit = standing.limit
    if refused == 3:
        wait, what = 1.0, "parallel calls"
    elif refused == 1:
        wait, what = (1 - standing.requests) * MINUTE / max(1, limit.requests), "requests a minute"
    else:
        lacking = min(tokens, limit.tokens) - standing.tokens
        wait, what = lacking * MINUTE / max(1, limit.tokens), "tokens a minute"
    headers = standing.headers()
    headers["retry-after"] = str(max(1, int(-(-wait // 1))))
    headers["retry-after-ms"] = str(max(1, int(wait * 1000)))
    return TooFast(
        f"The {limit.owner}'s limit of {what} is used up. Try again in {duration(wait)}.",
        code=CODES[refused],
        headers=headers,
    )
