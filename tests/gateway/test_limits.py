"""How fast a caller may go: with Redis, after it forgot everything, and without it."""

import asyncio
import os

import pytest
import redis.asyncio as redis

from gateway import limits as limits_module
from gateway.buckets import Buckets
from gateway.errors import TooFast
from gateway.limits import Limits
from gateway.standings import Limit, duration


@pytest.fixture
async def connect(valkey):
    """Make the limits of one process after another."""
    made = []

    def connect(address=""):
        client = redis.Redis.from_url(address or os.environ["REDIS_URL"])
        made.append(Limits(client, patience=1))
        return made[-1]

    yield connect
    for limits in made:
        await limits.close()


@pytest.fixture
def shared(connect):
    """Limits that stand in Redis."""
    return connect()


@pytest.fixture
def alone(connect):
    """Limits of a process that cannot reach Redis."""
    return connect("unix:///nowhere/at/all.sock")


def limit(requests=0, tokens=0, concurrency=0, name="limits:{acme}:model"):
    return Limit(name, requests, tokens, concurrency)


async def admitted(limits, limit, count, tokens=1):
    """Return how many of so many parallel requests are let through."""
    asked = (limits.take(f"r{number}", Buckets([limit]), tokens) for number in range(count))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return sum(not isinstance(answer, TooFast) for answer in answers)


async def refusal(limits, *asked, tokens=1):
    with pytest.raises(TooFast) as caught:
        await limits.take("again", Buckets(asked), tokens)
    return caught.value


async def test_two_processes_share_one_limit(connect):
    wanted = limit(requests=10)

    counts = await asyncio.gather(*(admitted(connect(), wanted, 20) for _process in range(2)))

    assert sum(counts) == 10


async def test_places_come_back_when_calls_end(shared):
    wanted = limit(concurrency=2)
    held = await shared.take("one", Buckets([wanted]), 1)
    await shared.take("two", Buckets([wanted]), 1)
    error = await refusal(shared, wanted)

    shared.release(held, 1)

    assert error.code == "concurrency_limit_exceeded"
    assert "The model's limit of parallel calls" in error.message
    assert await admitted(shared, wanted, 1) == 1


async def test_a_place_comes_back_although_redis_was_away_when_the_call_ended(
    shared, valkey, monkeypatch
):
    monkeypatch.setattr(limits_module, "REST", 0)
    wanted = limit(concurrency=1)
    held = await shared.take("one", Buckets([wanted]), 1)
    valkey.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes")
    await asyncio.sleep(0.05)

    shared.release(held, 1)

    # The first opens the line again, the next says what could not be said.
    await refusal(shared, wanted)
    assert await admitted(shared, wanted, 1) == 1


def ends(valkey):
    """Return in how many seconds the places of the model come free by themselves."""
    now = valkey.time()
    places = valkey.zrange("limits:{acme}:model:running", 0, -1, withscores=True)
    return {name.decode(): score - now[0] for name, score in places}


async def test_the_places_of_a_process_that_is_gone_come_free_by_themselves(connect, valkey):
    wanted, (gone, other) = limit(concurrency=1), (connect(), connect())
    await gone.take("one", Buckets([wanted]), 1)
    assert 25 < ends(valkey)["one"] <= 31

    # As if half a minute had passed.
    valkey.zadd("limits:{acme}:model:running", {"one": valkey.time()[0] - 1})

    assert await admitted(other, wanted, 3) == 1


async def test_calls_under_way_keep_their_places_also_when_redis_has_forgotten_them(shared, valkey):
    wanted = limit(concurrency=2)
    ended = await shared.take("ended", Buckets([wanted]), 1)
    await shared.take("running", Buckets([wanted]), 1)
    shared.release(ended, 1)
    valkey.flushall()

    await shared.renew()
    await shared.look([wanted])

    assert set(ends(valkey)) == {"running"}
    assert 25 < ends(valkey)["running"] <= 31


async def test_tokens_that_were_used_stay_used(shared):
    wanted = limit(tokens=1000)
    # The worst case of a call is often larger than all that a minute holds.
    held = await shared.take("one", Buckets([wanted]), 5000)

    shared.release(held, 400)

    assert (await refusal(shared, wanted, tokens=650)).status == 429
    assert await admitted(shared, wanted, 1, tokens=550) == 1


async def test_tokens_above_the_worst_case_are_taken_from_the_next_minute(shared):
    wanted = limit(tokens=1000)
    held = await shared.take("one", Buckets([wanted]), 1000)

    shared.release(held, 1500)

    error = await refusal(shared, wanted, tokens=1)
    assert 28 <= int(error.headers["retry-after"]) <= 31


async def test_a_debt_is_remembered_until_it_is_paid(shared, valkey):
    wanted = limit(tokens=1000)
    held = await shared.take("one", Buckets([wanted]), 1000)

    shared.release(held, 10_000)
    await shared.look([wanted])

    assert 590 <= valkey.ttl(wanted.name) <= 660


@pytest.mark.parametrize("before", [limit(requests=100), limit(tokens=100)])
async def test_a_limit_that_is_set_later_begins_full(shared, before):
    held = [await shared.take(f"r{number}", Buckets([before]), 1) for number in range(50)]
    for each in held:
        shared.release(each, 1)

    assert await admitted(shared, limit(requests=5, tokens=1000), 10) == 5


async def test_a_refusal_says_what_is_used_up_and_until_when(shared):
    tight, used_up = limit(tokens=1000, name="limits:{acme}:a"), limit(60, name="limits:{acme}:b")
    await admitted(shared, used_up, 60)
    held = await shared.take("t", Buckets([tight]), 1000)
    shared.release(held, 995)

    error = await refusal(shared, tight, used_up)

    assert "requests a minute" in error.message
    assert error.headers["x-ratelimit-limit-requests"] == "60"
    assert error.headers["x-ratelimit-remaining-requests"] == "0"
    assert error.headers["retry-after"] == "1"
    assert 500 < int(error.headers["retry-after-ms"]) <= 1000


async def test_a_refusal_waits_for_the_limit_that_refused_not_for_a_tighter_one(shared):
    tight, used_up = limit(tokens=10**6, name="limits:{acme}:a"), limit(60, name="limits:{acme}:b")
    await admitted(shared, used_up, 60)
    held = await shared.take("t", Buckets([tight]), 10**6)
    shared.release(held, 10**6 + 7000)
    await asyncio.sleep(0.5)

    error = await refusal(shared, tight, used_up)

    assert "requests a minute" in error.message
    assert error.headers["x-ratelimit-limit-requests"] == "60"
    assert error.headers["retry-after"] == "1"


async def test_a_limit_of_both_kinds_waits_for_the_one_that_is_used_up(shared):
    both = limit(requests=60, tokens=100)
    await admitted(shared, both, 30, tokens=0)
    held = await shared.take("t", Buckets([both]), 100)
    shared.release(held, 100)

    error = await refusal(shared, both, tokens=50)

    assert "tokens a minute" in error.message
    assert 28 <= int(error.headers["retry-after"]) <= 31


async def test_what_is_refused_takes_nothing_from_any_limit(shared):
    wide, narrow = limit(10, name="limits:{acme}:a"), limit(1, name="limits:{acme}:b")
    await admitted(shared, narrow, 1)

    for _attempt in range(20):
        await refusal(shared, wide, narrow)

    assert await admitted(shared, wide, 10) == 10


async def test_the_headers_tell_the_tightest_limit_of_each_kind(shared):
    wide, narrow = limit(100, 1000, name="limits:{acme}:a"), limit(10, name="limits:{acme}:b")

    held = await shared.take("one", Buckets([wide, narrow]), 100)

    headers = held.standing.headers()
    assert headers["x-ratelimit-limit-requests"] == "10"
    assert headers["x-ratelimit-remaining-requests"] == "9"
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    assert headers["x-ratelimit-remaining-tokens"] == "900"


async def test_looking_at_a_limit_takes_nothing(shared):
    wanted = limit(requests=10, tokens=100, concurrency=5)
    await shared.take("one", Buckets([wanted]), 40)

    first, second = [await shared.look([wanted]) for _ in range(2)]

    for standing, running in (*first, *second):
        assert (int(standing.requests), int(standing.tokens), running) == (9, 60, 1)


async def test_a_flushed_redis_forgets_and_goes_on(shared, valkey):
    wanted = limit(requests=10, concurrency=5)
    held = await shared.take("one", Buckets([wanted]), 1)
    valkey.flushall()

    shared.release(held, 1)

    assert await admitted(shared, wanted, 20) == 5


@pytest.mark.parametrize(
    ("wanted", "least", "most"),
    [
        (limit(requests=40), 1, 10),
        (limit(requests=1), 1, 1),
        (limit(concurrency=20), 1, 5),
        (limit(tokens=4000), 1, 10),
    ],
)
async def test_without_redis_a_process_is_slower_and_never_wide_open(alone, wanted, least, most):
    assert least <= await admitted(alone, wanted, 100, tokens=100) <= most


async def test_without_redis_used_tokens_stay_used_too(alone):
    wanted = limit(tokens=4000)
    held = await alone.take("one", Buckets([wanted]), 9000)

    alone.release(held, 900)

    assert await admitted(alone, wanted, 10, tokens=50) == 2


async def test_redis_is_used_again_once_it_answers(shared, alone):
    assert (await alone.take("one", Buckets([limit(10)]), 1)).local
    assert not (await shared.take("two", Buckets([limit(10)]), 1)).local


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0ms"), (0, "0ms"), (0.25, "250ms"), (6.5, "6.5s"), (60, "1m0s"), (90, "1m30s")],
)
def test_times_are_written_as_openai_writes_them(seconds, text):
    assert duration(seconds) == text
