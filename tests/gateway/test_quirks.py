"""What real engines do otherwise than OpenAI's, and what a caller sees of it: nothing."""

import json

import httpx2 as httpx
import openai
import pytest

from tests.gateway.conftest import events, hello, leased, recorded, wait_for


def told(**facts):
    """Return one event of a stream, with the engine's own name for the model."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "/srv/m@main"}
    return b"data: " + json.dumps({**chunk, **facts}).encode() + b"\n\n"


def choice(delta, finish_reason=None):
    """Return the choices of an event."""
    return [{"index": 0, "delta": delta, "finish_reason": finish_reason}]


USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
WORD = told(choices=choice({"content": "word "}))
FINISH = told(choices=choice({}, "stop"), usage=USAGE)


@pytest.fixture
def post(gateway, key, pay, model):
    """Call without a client in between."""
    pay("10")

    def post(**facts):
        body = hello(model=model, stream=True, **facts)
        headers = {"authorization": f"Bearer {key}"}
        return httpx.post(gateway.url + "/v1/chat/completions", json=body, headers=headers)

    return post


def test_usage_beside_the_reason_of_the_end_is_billed(post, engine):
    engine.raw = WORD + WORD + FINISH

    post()

    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens) == (10, 2)
    assert (event.policy["estimated"], event.outcome) == (False, "completed")


def test_a_stream_that_does_not_say_its_end_gets_the_mark_that_clients_wait_for(post, engine):
    engine.raw = WORD + FINISH

    assert post().text.endswith("\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error": {"message": "CUDA error on gpu-node-7", "code": 500}}\n\n',
        b'data: {"error": "CUDA error on gpu-node-7"}\n\n',
        b'data: {"error": "no "escape" on gpu-node-7"}\n\n',
    ],
)
def test_an_error_told_in_a_stream_ends_it_in_our_words(post, engine, error):
    engine.raw = WORD * 20 + error + b"data: [DONE]\n\n"

    text = post().text

    assert text.count("word ") == 20
    assert text.endswith('"type":"server_error","param":null,"code":"upstream_error"}}\n\n')
    assert "gpu-node-7" not in text
    (event,) = recorded()
    assert (event.outcome, event.output_tokens) == ("upstream_failed", 20)


def test_an_error_before_any_event_is_502_and_costs_nothing(post, engine):
    engine.raw = b'data: {"error": "out of memory"}\n\n'

    reply = post()

    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_error")
    wait_for(lambda: leased() == 0, seconds=8)
    assert events() == []


def test_a_stream_is_told_under_the_name_the_model_is_sold_by(client, model, engine):
    engine.raw = told(choices=choice({"content": '{"model":"x"}'})) + FINISH

    chunks = list(client.chat.completions.create(model=model, stream=True, **hello()))

    assert {chunk.model for chunk in chunks} == {model}
    assert chunks[0].choices[0].delta.content == '{"model":"x"}'


def test_an_answer_is_told_under_the_name_the_model_is_sold_by(client, model, engine):
    assert client.chat.completions.create(model=model, **hello()).model == model


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the temperature is too high"}},
        {"error": "the temperature is too high"},
        {"detail": "the temperature is too high"},
        {"object": "error", "message": "the temperature is too high", "code": 400},
    ],
)
def test_why_an_engine_refuses_is_passed_on(client, model, engine, stream, body):
    engine.status, engine.raw = 422, json.dumps(body).encode()

    with pytest.raises(openai.BadRequestError, match="the temperature is too high"):
        client.chat.completions.create(model=model, stream=stream, **hello())


def test_a_flood_of_events_arrives_whole_and_is_counted_one_by_one(post, engine):
    engine.raw = WORD * 300 + FINISH.replace(b'"completion_tokens": 2', b'"completion_tokens": 300')

    text = post().text

    assert text.count("word ") == 300
    assert text.endswith("\n\ndata: [DONE]\n\n")
    (event,) = recorded()
    assert (event.output_tokens, event.policy["estimated"]) == (300, False)
