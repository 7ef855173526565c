"""A model with a tokenizer of its own: less is reserved, and what engines do not tell is counted."""

import json
import os
import signal
from pathlib import Path

import httpx2 as httpx
import openai
import pytest

from files import kept
from marketplace.tokenizing import wire
from tests.gateway.conftest import PRICES, hello, recorded, remaining, wait_for
from tests.support import vocabulary

PROMPT = "The quick brown fox jumps over the lazy dog. " * 40
#: As the scripted engine's model has it.
PER_MESSAGE = 8
SEAM = 2
ENGINE = {"prompt": "engine", "completion": "engine"}
OURS = {"prompt": "tokenizer", "completion": "tokenizer"}
ESTIMATE = {"prompt": "estimate", "completion": "estimate"}


@pytest.fixture
def model(make_offer):
    """The name of an offer whose version has a tokenizer."""
    offer = make_offer()
    vocabulary.attach(offer)
    return offer.name


def asked(text=PROMPT, **facts):
    return {"messages": [{"role": "user", "content": text}], **facts}


def receipt(gateway, key, event):
    address = f"{gateway.url}/v1/receipts/{event.event_id}"
    answer = httpx.get(address, headers={"authorization": f"Bearer {key}"})
    return answer.json()


def children(process):
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in found}
    return [int(pid) for pid, line in lines.items() if b"marketplace.tokenizing" in line]


def test_an_honest_engine_is_believed_and_nothing_counts(start_gateway, key, pay, model, engine):
    pay("10")
    gateway = start_gateway()

    gateway.client(key).chat.completions.create(model=model, **hello())

    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens) == (10, 5)
    assert receipt(gateway, key, event)["counted_by"] == ENGINE
    assert children(gateway.process) == []


@pytest.mark.parametrize("stream", [False, True])
def test_what_no_engine_tells_the_tokenizer_counts(client, gateway, key, model, engine, stream):
    engine.usage = None

    list(client.chat.completions.create(model=model, stream=stream, **asked()))

    (event,) = recorded()
    assert event.input_tokens == vocabulary.count(PROMPT) + PER_MESSAGE
    assert event.output_tokens == max(5, vocabulary.count("word " * 5))
    told = receipt(gateway, key, event)
    assert (told["estimated"], told["counted_by"]) == (True, OURS)


@pytest.mark.parametrize("claim", [-5, 10**9, 0])
def test_a_count_that_cannot_be_true_is_replaced_by_ours(
    client, gateway, key, model, engine, claim
):
    engine.usage = {"prompt_tokens": claim}

    client.chat.completions.create(model=model, **asked())

    (event,) = recorded()
    assert event.input_tokens == vocabulary.count(PROMPT) + PER_MESSAGE
    assert event.output_tokens == 5
    told = receipt(gateway, key, event)
    assert told["counted_by"] == {"prompt": "tokenizer", "completion": "engine"}


def test_a_stream_that_breaks_is_counted_as_far_as_it_was_delivered(client, model, engine):
    engine.words, engine.break_after, engine.word = 9, 4, "extraordinary "

    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=model, stream=True, **asked()))

    (event,) = recorded()
    assert event.output_tokens == vocabulary.count("extraordinary " * 4)
    assert event.input_tokens == vocabulary.count(PROMPT) + PER_MESSAGE


def test_calls_of_tools_are_counted_by_their_words(client, model, engine):
    arguments = json.dumps({"city": "Rabat", "days": 3})
    function = {"name": "get_weather", "arguments": arguments}
    engine.tool_calls = [{"id": "c1", "type": "function", "function": function}]
    engine.usage = None

    client.chat.completions.create(model=model, **hello())

    (event,) = recorded()
    assert event.output_tokens == vocabulary.count("get_weather", arguments)


def test_texts_to_complete_and_to_embed_are_counted(gateway, key, pay, model, make_offer, engine):
    pay("10")
    vectors = make_offer(kind="embedding", prices={"input": "0.000001"})
    vocabulary.attach(vectors)
    engine.usage = None
    client = gateway.client(key)

    client.completions.create(model=model, prompt=[PROMPT, "two"])
    recorded()
    engine.usage = {"prompt_tokens": -1, "total_tokens": -1}
    client.embeddings.create(model=vectors.name, input=["one", PROMPT])

    events = recorded(2)
    assert events[0].input_tokens == vocabulary.count(PROMPT, "two")
    assert events[1].input_tokens == vocabulary.count("one", PROMPT)


def test_a_balance_that_bytes_would_not_leave_pays_for_the_call(gateway, key, pay, model, engine):
    # By its bytes the prompt alone costs 0.0018; by its tokens, with the template, it fits.
    tokens = vocabulary.count(PROMPT) + SEAM + PER_MESSAGE + 16
    cap = 64
    pay(str(tokens * float(PRICES["input"]) + cap * float(PRICES["output"])))
    assert len(PROMPT) > tokens + 200

    answer = gateway.client(key).chat.completions.with_raw_response.create(
        model=model, max_tokens=cap, **asked()
    )

    assert "x-tessera-max-tokens" not in answer.headers
    assert answer.parse().usage.completion_tokens == 5


def test_an_engine_cannot_count_more_than_was_reserved(gateway, key, pay, model, engine):
    tokens = vocabulary.count(PROMPT) + SEAM + PER_MESSAGE + 16
    pay(str(tokens * float(PRICES["input"]) + 64 * float(PRICES["output"])))
    engine.usage = {"prompt_tokens": tokens + 1}

    gateway.client(key).chat.completions.create(model=model, max_tokens=64, **asked())

    (event,) = recorded()
    assert event.input_tokens == vocabulary.count(PROMPT) + PER_MESSAGE
    assert remaining() >= 0


def test_a_limit_of_tokens_lets_in_what_bytes_would_not(gateway, make_key, pay, model, engine):
    pay("10")
    key = make_key(tpm_limit=len(PROMPT))
    client = gateway.client(key)
    client.chat.completions.create(model=model, max_tokens=10, **asked("x" * 500))

    answer = client.chat.completions.create(model=model, max_tokens=10, **asked())

    assert answer.usage.completion_tokens == 5


def test_prompts_are_counted_for_who_asks_how_large_they_are(gateway, key, pay, model, engine):
    pay("1")
    address = f"{gateway.url}/v1/messages/count_tokens"

    answer = httpx.post(
        address, headers={"x-api-key": key}, json={"model": model, **asked()}, timeout=10
    )

    assert answer.json() == {"input_tokens": vocabulary.count(PROMPT) + PER_MESSAGE}


def test_a_file_that_changed_counts_nothing_and_bytes_do(gateway, key, pay, make_offer, engine):
    pay("10")
    offer = make_offer()
    version = vocabulary.attach(offer, vocabulary.made().to_str(pretty=True).encode())
    kept.path_of(wire.KIND, version.tokenizer_sha256).write_text("{}")
    engine.usage = None

    gateway.client(key).chat.completions.create(model=offer.name, **asked())

    (event,) = recorded()
    assert event.input_tokens == len(PROMPT) // 4
    assert receipt(gateway, key, event)["counted_by"] == ESTIMATE


def test_a_process_that_dies_is_begun_anew_and_no_call_fails(
    start_gateway, key, pay, model, engine
):
    pay("10")
    engine.usage = None
    gateway = start_gateway()
    client = gateway.client(key)
    client.chat.completions.create(model=model, **asked())
    (first,) = children(gateway.process)
    os.kill(first, signal.SIGKILL)
    # The gateway has noticed: it has taken note of its end.
    wait_for(lambda: not Path(f"/proc/{first}").exists())

    client.chat.completions.create(model=model, **asked())

    (second,) = children(gateway.process)
    assert second != first
    assert [event.input_tokens for event in recorded(2)] == [
        vocabulary.count(PROMPT) + PER_MESSAGE
    ] * 2


def test_a_process_that_hangs_holds_no_call_for_long(start_gateway, key, pay, model, engine):
    pay("10")
    engine.usage = None
    gateway = start_gateway()
    client = gateway.client(key)
    client.chat.completions.create(model=model, **asked())
    (first,) = children(gateway.process)
    os.kill(first, signal.SIGSTOP)

    client.chat.completions.create(model=model, timeout=10, **asked())

    assert recorded(2)[1].input_tokens == len(PROMPT) // 4
    wait_for(lambda: children(gateway.process) == [], seconds=30)


def test_it_ends_with_its_gateway(start_gateway, key, pay, model, engine):
    pay("10")
    engine.usage = None
    gateway = start_gateway()
    gateway.client(key).chat.completions.create(model=model, **asked())
    (child,) = children(gateway.process)

    gateway.end(signal.SIGKILL)

    wait_for(lambda: not Path(f"/proc/{child}").exists())
