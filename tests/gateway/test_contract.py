"""Answers have the shapes that OpenAI published, as the demo engine fills them."""

import json
import subprocess
import sys

import httpx2 as httpx
import pytest

from portal.environment import ROOT
from tests.gateway.conftest import hello, wait_for
from tests.gateway.contract import faults
from tests.support import processes

CHAT = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.fixture(scope="session")
def demo_engine():
    """The address of a demo engine in a process of its own."""
    port = processes.free_port()
    command = [sys.executable, "-m", "gateway.upstreams.demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return httpx.get(address + "/v1/models").status_code == 200
        except httpx.TransportError:
            return False

    wait_for(answers, seconds=60)
    yield address + "/v1"
    process.terminate()
    process.wait(10)


@pytest.fixture
def offer(make_offer, demo_engine):
    """Offer a model of the demo engine and return its name."""

    def offer(name, **facts):
        return make_offer(base_url=demo_engine, upstream_model=name, **facts).name

    return offer


@pytest.fixture
def ask(gateway, key, pay):
    """Post a body and return the reply."""
    pay("10")
    headers = {"authorization": f"Bearer {key}"}

    def ask(path, **body):
        return httpx.post(gateway.url + path, json=body, headers=headers, timeout=30)

    return ask


def chunks(reply):
    """Return the events of a stream, without the end."""
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"n": 2, "logprobs": True, "top_logprobs": 2},
        {"tools": [TOOL], "tool_choice": "required"},
        {"response_format": {"type": "json_object"}},
        {"max_tokens": 1},
    ],
)
def test_a_chat_has_the_published_shape(ask, offer, facts):
    model = offer("atlas-mini")

    reply = ask(CHAT, model=model, **hello(), **facts)

    assert reply.status_code == 200, reply.text
    assert faults("CreateChatCompletionResponse", reply.json()) == []
    assert reply.json()["model"] == model


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}])
def test_each_chunk_of_a_stream_has_the_published_shape(ask, offer, options):
    reply = ask(CHAT, model=offer("atlas-mini"), stream=True, **hello(), **options)

    found = chunks(reply)
    problems = [faults("CreateChatCompletionStreamResponse", chunk) for chunk in found]
    assert problems == [[]] * len(found)
    assert len(found) > 2


def test_a_completion_has_the_published_shape(ask, offer):
    reply = ask("/v1/completions", model=offer("atlas-mini"), prompt=["one", "two"], max_tokens=5)

    assert faults("CreateCompletionResponse", reply.json()) == []
    assert len(reply.json()["choices"]) == 2


@pytest.mark.parametrize("given", ["one", ["one", "two"]])
def test_embeddings_have_the_published_shape(ask, offer, given):
    model = offer("atlas-embed", kind="embedding", prices={"input": "0.000001"})

    reply = ask("/v1/embeddings", model=model, input=given)

    assert faults("CreateEmbeddingResponse", reply.json()) == []


def test_models_have_the_published_shape(gateway, key, offer):
    name = offer("atlas-mini")
    headers = {"authorization": f"Bearer {key}"}
    one = httpx.get(f"{gateway.url}/v1/models/{name}", headers=headers).json()

    listed = httpx.get(gateway.url + "/v1/models", headers=headers).json()

    assert faults("Model", one) == []
    assert faults("ListModelsResponse", listed) == []
    assert one in listed["data"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (CHAT, {"model": "nothing", "messages": []}, 404),
        (CHAT, {"model": 5}, 400),
        ("/v1/nothing", {}, 404),
        ("/v1/models", {}, 405),
    ],
)
def test_refusals_have_the_published_shape(ask, path, body, status):
    reply = ask(path, **body)

    assert reply.status_code == status
    assert faults("ErrorResponse", reply.json()) == []


def test_refusals_for_want_of_money_or_of_a_key_have_the_published_shape(gateway, key, model):
    headers = {"authorization": f"Bearer {key}"}
    body = {"model": model, **hello()}

    poor = httpx.post(gateway.url + CHAT, json=body, headers=headers)
    stranger = httpx.post(gateway.url + CHAT, json=body)

    assert (poor.status_code, stranger.status_code) == (402, 401)
    assert faults("ErrorResponse", poor.json()) + faults("ErrorResponse", stranger.json()) == []


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"tools": [{"type": "function", **TOOL["function"]}], "tool_choice": "required"},
        {"text": {"format": {"type": "json_object"}}},
        {"max_output_tokens": 1},
    ],
)
@pytest.mark.parametrize("model", ["atlas-mini", "atlas-reason"])
def test_a_response_has_the_published_shape(ask, offer, facts, model):
    name = offer(model, max_output=4096)

    reply = ask("/v1/responses", model=name, input="Say five words.", **facts)

    assert reply.status_code == 200, reply.text
    assert faults("Response", reply.json()) == []
    assert reply.json()["model"] == name
