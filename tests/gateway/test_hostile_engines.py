"""Answers that are none, and answers nobody sees: what is passed on, and what is billed."""

import httpx2 as httpx
import openai
import pytest

from tests.gateway.conftest import events, hello, recorded, remaining, wait_for
from tests.gateway.test_errors import refused

GARBAGE = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"text"',
    b"<html>",
    b"\xff\xfe",
    b'{"choices": []}',
    b'{"choices": [null]}',
    b'{"choices": "many"}',
    b'{"choices": [{"message": "text"}]}',
    b'{"error": {"message": "secret-host-7 is out of memory"}}',
    b'{"choices": [{"message": {"content": "free"}}]} trailing',
    b"[" * 5000,
    pytest.param(b'{"choices": [], "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", id="deep"),
]


@pytest.mark.parametrize("raw", GARBAGE)
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_is_none_is_502_and_costs_nothing(client, model, engine, raw, stream):
    engine.raw = raw

    error = refused(client, openai.InternalServerError, model=model, stream=stream, **hello())

    assert (error.status_code, error.code) == (502, "upstream_error")
    assert "secret-host" not in error.message
    assert remaining() == 10
    assert events() == []


@pytest.mark.parametrize("raw", [b"{}", b'{"data": []}', b'{"data": 5}', b'{"error": {}}', b"[]"])
def test_vectors_that_are_none_are_502(gateway, key, pay, make_offer, engine, raw):
    pay("10")
    engine.raw = raw
    name = make_offer(kind="embedding", prices={"input": "0.000001"}).name

    with pytest.raises(openai.InternalServerError) as caught:
        gateway.client(key).embeddings.create(model=name, input="x")

    assert caught.value.status_code == 502
    assert events() == []


def test_a_whole_answer_to_a_stream_is_not_given_away(client, model, engine):
    engine.raw = b'{"choices": [{"message": {"content": "free words"}, "finish_reason": "stop"}]}'

    error = refused(client, openai.InternalServerError, model=model, stream=True, **hello())

    assert error.status_code == 502
    assert "free words" not in str(error.body)


@pytest.mark.parametrize("stream", [True, False])
def test_tokens_that_leave_no_text_are_billed(client, model, engine, stream):
    engine.words = 0
    engine.usage = {"completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 6}}

    list(client.chat.completions.create(model=model, stream=stream, **hello()))

    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens, event.reasoning_tokens) == (10, 1, 6)


def test_the_prompt_of_a_stream_that_began_is_billed_to_who_leaves(client, model, engine):
    engine.pause = 5

    with client.chat.completions.create(model=model, stream=True, **hello()) as stream:
        next(stream)

    (event,) = recorded()
    assert event.outcome == "client_gone"
    assert event.input_tokens >= 1
    assert event.output_tokens == 0
    wait_for(lambda: engine.closed)


def test_usage_that_is_told_before_the_last_word_is_no_usage(client, model, engine):
    part = b'data: {"choices": [{"delta": {"content": "word "}}]%b}\n\n'
    early = part % b', "usage": {"prompt_tokens": 10, "completion_tokens": 1}'
    engine.raw = early + part % b"" * 4 + b"data: [DONE]\n\n"

    list(client.chat.completions.create(model=model, stream=True, **hello()))

    (event,) = recorded()
    assert (event.output_tokens, event.policy["estimated"]) == (5, True)


def test_an_engine_that_ignores_the_cap_is_billed_up_to_the_cap(client, model, engine):
    engine.words, engine.obeys_cap = 900, False

    client.chat.completions.create(model=model, max_tokens=300, **hello())

    (event,) = recorded()
    assert event.output_tokens <= 300


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307])
def test_a_redirect_is_not_followed(client, gateway, key, model, engine, status):
    engine.status = status
    body = {"model": model, **hello()}

    reply = httpx.post(
        gateway.url + "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    )

    assert reply.status_code == 502
    assert len(engine.requests) == 1
