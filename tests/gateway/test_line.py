"""One connection to Redis for all calls of a process."""

import asyncio
import os

import pytest
import redis.asyncio as redis
import uvloop
from redis.exceptions import ResponseError

from gateway.line import Line, Script

ECHO = Script("return ARGV[1]")
WRONG = Script("return redis.call('NO SUCH COMMAND')")


@pytest.fixture
async def open_line(valkey):
    """Open lines with a patience of so many seconds."""
    client, opened = redis.Redis.from_url(os.environ["REDIS_URL"]), []

    def open_line(patience):
        opened.append(Line(client.connection_pool, patience))
        return opened[-1]

    yield open_line
    for line in opened:
        await line.close()
    await client.aclose()


@pytest.fixture
def line(open_line):
    """A line on which a busy machine is no failure."""
    return open_line(10)


async def echoed(line, word):
    return (await line.run(ECHO, [], [word])).decode()


async def test_answers_find_those_who_asked(line):
    words = [str(number) for number in range(500)]

    assert await asyncio.gather(*(echoed(line, word) for word in words)) == words


def test_the_loop_of_production_carries_it_as_well(valkey):
    async def ask():
        client = redis.Redis.from_url(os.environ["REDIS_URL"])
        line = Line(client.connection_pool, 2, [ECHO])
        answers = await asyncio.gather(*(echoed(line, str(number)) for number in range(9)))
        await line.close()
        await client.aclose()
        return answers

    assert uvloop.run(ask()) == list("012345678")


async def test_a_script_that_redis_has_forgotten_is_told_again(line, valkey):
    await echoed(line, "a")
    valkey.script_flush()

    assert await echoed(line, "b") == "b"


async def test_what_a_script_refuses_harms_no_other(line):
    answers = await asyncio.gather(
        echoed(line, "a"), line.run(WRONG, [], []), echoed(line, "b"), return_exceptions=True
    )

    assert (answers[0], answers[2]) == ("a", "b")
    assert isinstance(answers[1], ResponseError)


async def test_who_goes_away_takes_nobody_elses_answer(line):
    await echoed(line, "a")
    leaving = asyncio.create_task(echoed(line, "gone"))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await asyncio.gather(*(echoed(line, str(n)) for n in range(9))) == list("012345678")


async def test_what_nobody_waits_for_is_done_in_its_turn_even_when_redis_forgot_how(line, valkey):
    count = Script("return redis.call('INCR', KEYS[1])")
    assert not line.tell(count, count.call(["n"], []))
    assert await line.run(count, ["n"], []) == 1
    valkey.script_flush()

    assert line.tell(count, count.call(["n"], []))
    await echoed(line, "after")

    assert valkey.get("n") == b"2"


async def test_a_connection_that_was_cut_is_opened_again_and_nobody_waits_in_vain(line, valkey):
    await echoed(line, "a")
    valkey.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes")

    async with asyncio.timeout(5):
        await asyncio.gather(echoed(line, "lost"), return_exceptions=True)
        assert await echoed(line, "b") == "b"


async def test_a_connection_on_which_redis_refuses_us_is_not_left_open(valkey):
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    line = Line(client.connection_pool, 0.5, [Script("this is no script")])
    before = valkey.info("clients")["connected_clients"]

    for _number in range(5):
        with pytest.raises(ResponseError):
            await echoed(line, "a")

    async with asyncio.timeout(5):
        while valkey.info("clients")["connected_clients"] != before:  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.01)
    await client.aclose()


async def test_an_answer_that_takes_too_long_is_given_up(open_line, valkey):
    line = open_line(0.5)
    await echoed(line, "a")
    valkey.execute_command("CLIENT", "PAUSE", 800, "ALL")

    with pytest.raises(TimeoutError):
        await echoed(line, "late")

    await asyncio.sleep(0.5)
    assert await echoed(line, "b") == "b"
