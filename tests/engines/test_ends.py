"""Streams of a real engine that end otherwise than they should."""

import time

import openai
import pytest

from tests.gateway.conftest import events, hello, leased, recorded, remaining, wait_for


def texts(stream):
    """Yield what a stream says."""
    for chunk in stream:
        yield chunk.choices[0].delta.content or ""


def test_a_client_that_goes_away_stops_the_engine_and_pays_for_what_came(
    client, offered, engine, count
):
    longest = 12_000
    stream = client.chat.completions.create(
        model=offered(max_output=longest), stream=True, **hello()
    )
    read = [text for _number, text in zip(range(200), texts(stream), strict=False)]

    stream.close()

    (event,) = recorded()
    assert (event.outcome, event.policy["estimated"]) == ("client_gone", True)
    assert count("".join(read)) <= event.output_tokens < longest / 10
    # The engine does one thing after the other, and the whole answer would take half a minute.
    began = time.monotonic()
    engine.prompt_tokens(hello())
    assert time.monotonic() - began < 5


def test_a_client_that_waits_for_a_whole_answer_and_goes_away_pays_nothing(
    gateway, key, pay, model
):
    pay("10")

    with pytest.raises(openai.APITimeoutError):
        gateway.client(key, timeout=1).chat.completions.create(model=model, **hello())

    wait_for(lambda: leased() == 0, seconds=8)
    assert (events(), remaining()) == ([], 10)


def test_an_engine_that_dies_is_told_in_the_stream_and_billed_for_what_came(
    client, offered, second_engine, count
):
    name = offered(base_url=second_engine.base_url)
    stream = client.chat.completions.create(model=name, stream=True, **hello())
    read = [text for _number, text in zip(range(100), texts(stream), strict=False)]

    second_engine.kill()
    with pytest.raises(openai.APIError, match="broke off; what was delivered is billed"):
        read.extend(texts(stream))

    (event,) = recorded()
    assert event.outcome == "upstream_failed"
    assert event.output_tokens == count("".join(read)) >= 99
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=name, **hello())
    assert caught.value.status_code == 503
    assert len(events()) == 1


@pytest.mark.parametrize(("stream", "error"), [(False, "engine failed"), (True, "broke off")])
def test_an_engine_that_fails_costs_nothing(client, model, stream, error):
    # The engine finds out only when it begins to write.
    wrong = {"999999": 5.0}

    with pytest.raises(openai.APIError, match=error):
        list(
            client.chat.completions.create(model=model, stream=stream, logit_bias=wrong, **hello())
        )

    wait_for(lambda: leased() == 0, seconds=8)
    assert (events(), remaining()) == ([], 10)
