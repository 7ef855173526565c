"""Gateways that are asked to end while they answer."""

import signal
import threading
import time
from contextlib import suppress

import httpx2 as httpx
import openai
import pytest

from tests.gateway.conftest import events, hello, leased, recorded, remaining, wait_for
from tests.support import processes


@pytest.fixture
def ending(start_gateway, key, pay):
    """A gateway that lets its answers end for one second, and OpenAI's client for it."""
    pay("10")
    gateway = start_gateway(grace=1)
    return gateway, gateway.client(key)


def answers(address):
    """Tell whether somebody answers there."""
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def words(stream):
    """Yield the words of a stream."""
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def to_the_end(stream):
    """Read what comes, however it ends."""
    with suppress(openai.APIError):
        list(stream)


def test_a_stream_that_outlasts_the_grace_is_told_and_billed_for_what_came(ending, model, engine):
    gateway, client = ending
    engine.words, engine.pause = 1000, 0.05
    stream = words(client.chat.completions.create(model=model, stream=True, **hello()))
    read = [next(stream)]

    gateway.process.send_signal(signal.SIGTERM)
    with pytest.raises(openai.APIError, match="had to stop; what was delivered is billed"):
        read.extend(stream)

    assert gateway.process.wait(20) == 0
    (event,) = recorded()
    assert 15 < len(read) < 60
    assert (event.outcome, event.output_tokens) == ("interrupted", len(read))
    assert leased() == 0


def test_an_anthropic_stream_hears_of_it_in_its_own_words(ending, key, model, engine):
    gateway, _client = ending
    engine.words, engine.pause = 1000, 0.05
    body = {"model": model, "max_tokens": 500, "stream": True, **hello()}
    headers = {"x-api-key": key}
    with httpx.stream(
        "POST", gateway.url + "/v1/messages", json=body, headers=headers, timeout=20
    ) as reply:
        parts = reply.iter_text()
        text = next(parts)

        gateway.process.send_signal(signal.SIGTERM)
        text += "".join(parts)

    assert text.rstrip().rpartition("\n\n")[2].startswith("event: error")
    assert "had to stop" in text


def test_a_whole_answer_that_outlasts_the_grace_is_refused_and_costs_nothing(ending, model, engine):
    gateway, client = ending
    engine.pause = 10
    threading.Timer(0.5, gateway.process.send_signal, [signal.SIGTERM]).start()

    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=model, **hello())

    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"] == "5"
    assert gateway.process.wait(20) == 0
    wait_for(lambda: leased() == 0)
    assert (events(), remaining()) == ([], 10)


def test_readiness_goes_first_and_the_port_later(start_gateway, key, pay, model, engine):
    pay("10")
    gateway = start_gateway(notice=6)
    client = gateway.client(key)

    gateway.process.send_signal(signal.SIGTERM)
    wait_for(lambda: gateway.status("/readyz") == 503)

    assert gateway.status("/healthz") == 200
    assert client.chat.completions.create(model=model, **hello()).usage.completion_tokens == 5
    assert gateway.process.wait(20) == 0
    assert gateway.status("/healthz") == 0
    assert len(recorded()) == 1


def test_while_one_of_two_gateways_ends_the_other_takes_all_that_is_new(
    start_gateway, key, pay, model, engine
):
    pay("10")
    staying = start_gateway()
    watched = f"127.0.0.1:{processes.free_port()}"
    leaving = start_gateway(staying.port, METRICS_ADDRESS=watched)
    # Ports are shared: only on its own does this one answer for itself.
    wait_for(lambda: answers(f"http://{watched}/metrics"), seconds=20)
    time.sleep(1)
    # A connection that nobody has accepted when the listener closes is reset; clients try again.
    client = staying.client(key, max_retries=2)

    leaving.process.send_signal(signal.SIGTERM)
    replies = [client.chat.completions.create(model=model, **hello()) for _time in range(20)]

    assert {answer.usage.completion_tokens for answer in replies} == {5}
    assert leaving.process.wait(20) == 0
    assert len(recorded(20)) == 20


@pytest.mark.parametrize("durability", ["journal", "commit"])
def test_a_frozen_postgresql_holds_no_gateway_beyond_its_grace(
    start_gateway, door, key, pay, model, engine, durability
):
    pay("10")
    gateway = start_gateway(grace=1, METERING_DURABILITY=durability, **door.variables)
    gateway.client(key).chat.completions.create(model=model, **hello())
    recorded()
    engine.pause = 0.05
    stream = words(gateway.client(key).chat.completions.create(model=model, stream=True, **hello()))
    next(stream)
    door.freeze()
    # The end of the answer may wait for PostgreSQL, which does not come.
    threading.Thread(target=to_the_end, args=[stream], daemon=True).start()

    gateway.process.send_signal(signal.SIGTERM)

    assert gateway.process.wait(12) == 1
    door.thaw()
    start_gateway()
    first, second = recorded(2)
    assert second.output_tokens in range(1, 6)
    assert first.output_tokens == 5
    wait_for(lambda: leased() == 0, seconds=15)
    assert len(events()) == 2


def test_a_gateway_that_began_without_postgresql_ends_all_the_same(start_gateway, door):
    door.freeze()
    gateway = start_gateway(path="/healthz", grace=1, **door.variables)

    gateway.process.send_signal(signal.SIGTERM)

    assert gateway.process.wait(10) == 1
