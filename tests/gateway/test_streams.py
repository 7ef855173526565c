"""Streams that end otherwise than they should."""

import httpx2 as httpx
import openai
import pytest

from tests.gateway.conftest import events, hello, leased, recorded, remaining, wait_for


def test_a_client_that_goes_away_stops_the_engine_and_pays_for_what_came(client, model, engine):
    engine.words, engine.pause = 500, 0.02

    with client.chat.completions.create(model=model, stream=True, **hello()) as stream:
        for _number, _chunk in zip(range(10), stream, strict=False):
            pass

    wait_for(lambda: engine.closed)
    (event,) = recorded()
    assert event.outcome == "client_gone"
    assert 5 <= event.output_tokens <= 30
    assert event.policy["estimated"] is True


def test_a_client_that_goes_away_before_a_whole_answer_pays_nothing(
    gateway, key, pay, model, engine
):
    pay("10")
    engine.pause = 3.0

    with pytest.raises(openai.APITimeoutError):
        gateway.client(key, timeout=0.5).chat.completions.create(model=model, **hello())

    wait_for(lambda: engine.closed)
    wait_for(lambda: leased() == 0, seconds=8)
    assert events() == []
    assert remaining() == 10


def test_an_engine_that_breaks_off_is_told_in_the_stream_and_billed_for_what_came(
    client, model, engine
):
    engine.words, engine.break_after = 50, 20

    words = []
    with pytest.raises(openai.APIError, match="broke off"):
        words.extend(client.chat.completions.create(model=model, stream=True, **hello()))

    (event,) = recorded()
    assert event.outcome == "upstream_failed"
    assert 15 <= event.output_tokens <= 30


def test_an_engine_that_breaks_off_before_its_first_word_costs_nothing(client, model, engine):
    engine.break_after = 0

    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=model, stream=True, **hello()))

    wait_for(lambda: leased() == 0, seconds=8)
    assert events() == []


@pytest.mark.parametrize(
    "lie",
    [
        {"prompt_tokens": -5},
        {"prompt_tokens": 0},
        {"prompt_tokens": 10**9},
        {"prompt_tokens": "10"},
        {"completion_tokens": -1},
        {"completion_tokens": 0},
        {"completion_tokens": 10**9},
        {"completion_tokens": 900},
        {"completion_tokens_details": {"reasoning_tokens": 99}},
        {"prompt_tokens_details": {"cached_tokens": 11}},
        None,
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_lie_about_usage_is_replaced_by_our_own_count(client, model, engine, lie, stream):
    engine.usage = lie

    list(client.chat.completions.create(model=model, stream=stream, **hello()))

    (event,) = recorded()
    assert event.policy["estimated"] is True
    assert 1 <= event.input_tokens <= 40
    assert 1 <= event.output_tokens <= 25
    assert event.cached_input_tokens == event.reasoning_tokens == 0


def test_cached_and_reasoning_tokens_are_parts_of_their_own(client, model, engine):
    engine.usage = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }

    client.chat.completions.create(model=model, **hello())

    (event,) = recorded()
    parts = (event.input_tokens, event.cached_input_tokens)
    assert parts == (6, 4)
    assert (event.output_tokens, event.reasoning_tokens) == (3, 2)


def test_chunks_pass_through_as_the_engine_sent_them(gateway, key, pay, model):
    pay("10")
    body = {"model": model, "stream": True, **hello()}
    headers = {"authorization": f"Bearer {key}"}

    reply = httpx.post(gateway.url + "/v1/chat/completions", json=body, headers=headers)

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.headers["x-ratelimit-limit-requests"] == "600"
    assert reply.text.startswith('data: {"id": "cmpl-1", "object": "chat.completion.chunk"')
    assert reply.text.endswith("data: [DONE]\n\n")
    assert "usage" not in reply.text
