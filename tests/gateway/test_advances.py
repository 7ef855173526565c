"""Limits taken for calls to come: exact over all processes, and given back when nobody comes."""

import asyncio
import os
import time

import pytest
import redis.asyncio as redis

from gateway import advances
from gateway.advances import SHARE, TURN
from gateway.buckets import Buckets
from gateway.errors import TooFast
from gateway.limits import Limits
from gateway.standings import Limit


@pytest.fixture
async def connect(valkey):
    """Make the limits of one process after another."""
    made = []

    def connect():
        made.append(Limits(redis.Redis.from_url(os.environ["REDIS_URL"]), patience=5))
        return made[-1]

    yield connect
    for limits in made:
        await limits.close()


@pytest.fixture(autouse=True)
def _calls_are_counted_for_longer(monkeypatch):
    """A slow machine makes few calls in a turn."""
    monkeypatch.setattr(advances, "COUNTED", 60.0)


def limit(size):
    return Limit("limits:{acme}:model", size, size, size)


async def call(limits, buckets, name, tokens=1):
    held = limits.take_at_once(buckets, tokens)
    return held or await limits.take(name, buckets, tokens)


async def calls(limits, buckets, count):
    return [await call(limits, buckets, f"{id(limits)}-{number}") for number in range(count)]


async def looked(limits, wanted):
    [(standing, running)] = await limits.look([wanted])
    return standing, running


async def until_returned(limits, wanted, running):
    deadline = time.monotonic() + 10
    while (await looked(limits, wanted))[1] != running:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_busy_key_asks_once_for_many_calls(connect):
    limits, buckets = connect(), Buckets([limit(100_000)])

    made = await calls(limits, buckets, 200)

    assert sum(held.is_of_advance for held in made) > 150
    assert len({held.request_id for held in made}) == 200


async def test_what_nobody_came_for_is_given_back(connect):
    wanted = limit(100_000)
    limits, beside = connect(), connect()
    made = await calls(limits, Buckets([wanted]), 100)

    for held in made[:90]:
        limits.release(held, 1)

    await until_returned(beside, wanted, running=10)
    standing, _running = await looked(beside, wanted)
    # What a minute fills comes on top.
    assert standing.requests >= 100_000 - 100
    assert standing.tokens >= 100_000 - 100


async def test_used_tokens_stay_used(connect):
    wanted = Limit("limits:{acme}:model", 0, 1_000_000, 0)
    limits, buckets, beside = connect(), Buckets([wanted]), connect()
    made = [await call(limits, buckets, str(number), tokens=10) for number in range(50)]

    for held in made:
        limits.release(held, 10_000)
    await asyncio.sleep(2 * TURN)

    standing, _running = await looked(beside, wanted)
    # Half a million, less what some seconds fill in.
    assert standing.tokens < 800_000


async def test_a_limit_holds_over_processes_to_the_last_call(connect):
    wanted = limit(2_000)
    processes = [(connect(), Buckets([wanted])) for _number in range(2)]
    made = 0

    for number in range(1_500):
        for limits, buckets in processes:
            try:
                await call(limits, buckets, f"{id(limits)}-{number}")
            except TooFast:
                continue
            made += 1

    # None of them ends: that many places there are, however many requests a minute fills in.
    assert made == 2_000
    assert (await looked(connect(), wanted))[1] == 2_000


async def test_near_its_end_a_bucket_is_asked_for_each_call(connect):
    limits, buckets = connect(), Buckets([limit(1_000)])
    await calls(limits, buckets, 600)
    await asyncio.sleep(2 * TURN)

    late = await calls(limits, buckets, 50)

    assert not any(held.is_of_advance for held in late)


async def test_no_more_than_a_small_part_of_a_bucket_is_held_ahead(connect):
    size = 1_000
    limits, buckets = connect(), Buckets([limit(size)])

    await calls(limits, buckets, 100)

    assert buckets.advance.requests <= size // SHARE


async def test_what_is_held_ahead_is_not_told_as_used(connect):
    wanted = limit(100_000)
    limits, buckets = connect(), Buckets([wanted])

    made = await calls(limits, buckets, 100)

    standing, running = await looked(limits, wanted)
    assert running == 100
    assert standing.tokens >= 100_000 - 100
    assert made[-1].standing.requests <= made[0].standing.requests
