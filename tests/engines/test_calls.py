"""Calls of a real engine: what it counts is what is billed, and its own tokenizer agrees."""

from decimal import Decimal

import openai
import pytest

from tests.gateway.conftest import events, hello, leased, recorded, remaining, wait_for
from tests.support.engine_server import END

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Return the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "day": {"enum": [1, 2, 3, 4, 5, 6, 7]}},
        },
    },
}
USER = {"role": "user", "content": "Which cities are in the north?"}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Алматы", "day": 7}'},
        }
    ],
}
BODIES = {
    "one message": {"messages": [USER]},
    "a conversation": {
        "messages": [
            {"role": "system", "content": "Answer in French."},
            USER,
            {"role": "assistant", "content": "Lille et Amiens."},
            {"role": "user", "content": "And in Kazakhstan?"},
        ]
    },
    "Arabic": {"messages": [{"role": "user", "content": "ما هي المدن التي تقع في الشمال؟"}]},
    "Kazakh": {"messages": [{"role": "user", "content": "Солтүстікте қала көп пе?"}]},
    "Chinese and emoji": {"messages": [{"role": "user", "content": "你好 👩🏽‍🚀🇰🇿 \u2028 ﷺ"}]},
    "tools": {"messages": [USER], "tools": [TOOL, TOOL]},
}


def worth(sent, made):
    """Return what so many tokens cost at the prices of the tests."""
    return sent * Decimal("0.000001") + made * Decimal("0.00001")


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_engine_counts_is_billed_and_its_tokenizer_agrees(
    client, model, count, name, stream
):
    ask = said_in_stream if stream else said

    text, usage = ask(client, model=model, max_tokens=20, **BODIES[name])

    sent, made = count(BODIES[name]), count(text)
    assert (usage.prompt_tokens, usage.completion_tokens) == (sent, made)
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens) == (sent, made)
    assert (event.policy["estimated"], event.outcome) == (False, "completed")
    assert remaining() == 10 - worth(sent, made)


def said(client, **facts):
    """Return text and usage of a plain call."""
    answer = client.chat.completions.create(**facts)
    return answer.choices[0].message.content, answer.usage


def said_in_stream(client, **facts):
    """Return text and usage of a stream."""
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(stream=True, stream_options=options, **facts))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return text, chunks[-1].usage


def test_what_an_assistant_called_before_is_counted(client, model, engine):
    result = {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": -4}'}
    body = {"messages": [USER, CALLED, result], "tools": [TOOL]}

    client.chat.completions.create(model=model, max_tokens=5, **body)

    (event,) = recorded()
    assert event.input_tokens == engine.prompt_tokens(body)
    assert event.policy["estimated"] is False


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("most", [1, 33])
def test_the_longest_answer_asked_for_is_what_the_engine_writes(client, model, count, name, most):
    answer = client.chat.completions.create(model=model, **{name: most}, **hello())

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == count(answer.choices[0].message.content) == most


def test_the_longest_answer_the_money_pays_for_is_what_the_engine_writes(
    gateway, key, pay, offered
):
    pay("0.005")
    client = gateway.client(key)

    answer = client.chat.completions.with_raw_response.create(
        model=offered(max_output=2_000), **hello()
    )

    cap = int(answer.headers["x-tessera-max-tokens"])
    assert 300 < cap < 500
    assert answer.parse().usage.completion_tokens == cap
    (event,) = recorded()
    assert remaining() == Decimal("0.005") - worth(event.input_tokens, cap)


def test_an_answer_that_ends_at_a_word_is_billed_to_its_end(client, model, count):
    whole = client.chat.completions.create(model=model, max_tokens=20, **hello())
    fifth = whole.choices[0].message.content.split()[4]

    cut = client.chat.completions.create(model=model, max_tokens=20, stop=" " + fifth, **hello())

    assert cut.choices[0].finish_reason == "stop"
    assert 0 < cut.usage.completion_tokens == count(cut.choices[0].message.content) <= 5
    assert {event.output_tokens for event in recorded(2)} == {20, cut.usage.completion_tokens}


def test_the_token_that_ends_an_answer_is_billed_as_the_engine_counts_it(client, model, count):
    ends = {str(END): 6.0}

    answer = client.chat.completions.create(model=model, logit_bias=ends, **hello())

    assert answer.choices[0].finish_reason == "stop"
    made = count(answer.choices[0].message.content) + 1
    assert answer.usage.completion_tokens == made
    (event,) = recorded()
    assert (event.output_tokens, event.policy["estimated"]) == (made, False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_completion_is_billed(client, model, count, stream):
    answer = client.completions.create(
        model=model, prompt="Les villes du nord", max_tokens=9, stream=stream
    )

    text = "".join(each.choices[0].text for each in (answer if stream else [answer]))
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens) == (count("Les villes du nord"), 9)
    assert count(text) == 9


@pytest.mark.parametrize("stream", [False, True])
def test_why_the_engine_refuses_is_told(client, model, stream):
    with pytest.raises(openai.BadRequestError, match="Unexpected fields in the request"):
        client.chat.completions.create(
            model=model, stream=stream, extra_body={"tempo": 1}, **hello()
        )

    assert remaining() == 10


def test_a_model_the_engine_does_not_know_costs_nothing(client, make_offer):
    name = make_offer(upstream_model="tessera/other").name

    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=name, **hello())

    assert caught.value.status_code in (400, 502)
    assert remaining() == 10


def test_an_engine_without_embeddings_is_502_and_costs_nothing(client, make_offer):
    name = make_offer(kind="embedding", prices={"input": "0.000001"}).name

    with pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model=name, input="Lille")

    assert caught.value.status_code == 502
    wait_for(lambda: leased() == 0, seconds=8)
    assert (events(), remaining()) == ([], 10)
