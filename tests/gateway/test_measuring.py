"""What of a call is measured: how evenly its tokens came, and that it failed because of us."""

import asyncio
import time
from types import SimpleNamespace

import openai
import pytest

from common.database import service
from gateway.admitted import Admitted
from gateway.failures import Failures
from gateway.streaming import Stream, slowest_twentieth
from metering.models import FailedCalls, ServiceBucket
from tests.gateway.conftest import hello, recorded, wait_for

#: So many seconds a client takes over each part of its answer.
SLOWLY = 0.05


@pytest.mark.parametrize(
    ("gaps", "told"),
    [
        ({100: 19}, None),
        ({100: 20}, 10_000),
        ({100: 19, 900: 1}, 10_000),
        ({100: 18, 900: 2}, 90_000),
        ({0: 40}, 0),
    ],
    ids=["too few", "even", "one in twenty", "more than one in twenty", "all at once"],
)
def test_nineteen_of_twenty_tokens_came_within(gaps, told):
    assert slowest_twentieth(gaps) == told


def test_a_stream_says_how_evenly_its_tokens_came(client, model, engine):
    engine.words, engine.pause = 40, 0.02

    list(client.chat.completions.create(model=model, stream=True, **hello()))

    (event,) = recorded()
    assert 15_000 <= event.inter_token_us <= 200_000
    with service():
        (bucket,) = ServiceBucket.objects.all()
    assert (bucket.requests, [sum(it.values()) for it in (bucket.ttft, bucket.gaps)]) == (1, [1, 1])


class SlowReader:
    """A client that takes its time over every part of an answer."""

    started = True

    async def write(self, data, *, more):
        await asyncio.sleep(SLOWLY)


async def test_who_reads_slowly_makes_no_answer_slow():
    """Else whoever takes their time is credited for a speed that was never missed."""
    offer = SimpleNamespace(name="slowly-read", tokenizer="")
    admitted = Admitted(*[None] * 8, time.monotonic(), None)
    admitted.exchange, admitted.offer = SlowReader(), offer
    stream = Stream(admitted, None, SimpleNamespace(note=lambda *_facts: None))

    for _each in range(25):
        await stream._write([b"data: x"], [1])
    stream._rest()

    assert admitted.waited >= 25 * SLOWLY
    assert admitted.milliseconds() < 25 * SLOWLY * 1000 / 2
    assert slowest_twentieth(stream._gaps) < SLOWLY * 1_000_000 / 2


def test_a_whole_answer_says_nothing_of_its_tokens(client, model, engine):
    client.chat.completions.create(model=model, **hello())

    (event,) = recorded()
    assert event.inter_token_us is None


def failed():
    with service():
        return [(it.offer_name, it.calls) for it in FailedCalls.objects.all()]


def test_a_call_that_got_no_answer_is_counted(client, model, engine):
    engine.break_after = 0

    for _each in range(2):
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(model=model, stream=True, **hello()))

    wait_for(lambda: failed() == [(model, 2)], seconds=12)


def test_what_a_caller_did_wrong_is_not_counted_and_what_was_counted_is_written_at_the_end(
    start_gateway, make_key, pay, model, engine
):
    pay("10")
    gateway = start_gateway()
    client = gateway.client(make_key())
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=model, messages=[], max_tokens=-1)
    engine.break_after = 0
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=model, stream=True, **hello()))
    gateway.end()

    assert failed() == [(model, 1)]


class Away:
    """A pool whose database is away."""

    def connection(self):
        raise OSError


async def test_what_cannot_be_written_waits():
    failures = Failures()
    failures.count(None, "small", "eu", 900.0)

    with pytest.raises(OSError):  # noqa: PT011 - it has no words
        await failures.write(Away(), "p1")
    with pytest.raises(OSError):  # noqa: PT011 - it is still there
        await failures.write(Away(), "p1")
