"""The buckets that limits are kept in, and how Redis is asked for them."""

from collections.abc import Sequence

import msgspec

from gateway import advances
from gateway.advances import Advance
from gateway.keys import Caller
from gateway.line import Script
from gateway.standings import Limit, Standing

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
