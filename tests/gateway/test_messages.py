"""`/v1/messages`, as Anthropic's own client sees it."""

import json
from decimal import Decimal

import anthropic
import httpx2 as httpx
import pytest

from tests.gateway.conftest import events, leased, recorded, remaining, wait_for
from tests.gateway.test_responses import CALL, chat, chunks

# Ten tokens in, five out: 10 * 0.000001 + 5 * 0.00001.
WORTH = Decimal("0.00006")
DOT = "iVBORw0KGgo="
WEATHER = {
    "name": "weather",
    "description": "How warm it is.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
HELLO = {"max_tokens": 100, "messages": [{"role": "user", "content": "Say five words."}]}


@pytest.fixture
def claude(gateway, key, pay):
    """Anthropic's own client with a key of Acme, which has 10 €."""
    pay("10")
    return anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)


@pytest.fixture
def post(gateway, key, pay, model):
    """Call without a client in between."""
    pay("10")

    def post(path="/v1/messages", **facts):
        body = {"model": model, **HELLO, **facts}
        return httpx.post(gateway.url + path, json=body, headers={"x-api-key": key})

    return post


def told(reply):
    """Return the events of a stream, which carry their names."""
    lines = reply.text.splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line[:6] == "data: "]
    assert names == [event["type"] for event in found]
    return found


def usage_of(reply):
    """Return the usage that an answer tells, whole or streamed."""
    is_stream = reply.headers["content-type"].startswith("text/event-stream")
    return told(reply)[-2]["usage"] if is_stream else reply.json()["usage"]


def test_a_message_is_answered_and_billed_to_the_last_digit(claude, model, engine):
    message = claude.messages.create(
        model=model,
        max_tokens=20,
        system="Be brief.",
        messages=[{"role": "user", "content": "Say five words."}],
        stop_sequences=["###"],
        metadata={"user_id": "u-7"},
        extra_body={"temperature": 0, "top_k": 5},
    )

    assert [(block.type, block.text) for block in message.content] == [("text", "word " * 5)]
    assert (message.role, message.model, message.stop_reason) == ("assistant", model, "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens, event.outcome) == (10, 5, "completed")
    assert message.id == "msg_" + event.event_id.removeprefix("req_")
    assert message._request_id == event.event_id
    assert remaining() == 10 - WORTH
    (request,) = engine.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say five words."},
    ]
    names = ("max_tokens", "stop", "temperature", "top_k", "user")
    assert [request[name] for name in names] == [20, ["###"], 0, 5, "u-7"]
    assert request.keys().isdisjoint({"system", "stop_sequences", "metadata"})


def test_a_stream_tells_its_events_and_ends_with_what_is_billed(post, model, engine):
    found = told(post(stream=True))

    assert [event["type"] for event in found] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 5,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start = found[0]["message"]
    assert (start["type"], start["role"], start["model"]) == ("message", "assistant", model)
    assert (start["content"], start["stop_reason"]) == ([], None)
    assert found[2]["delta"] == {"type": "text_delta", "text": "word "}
    assert found[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    (event,) = recorded()
    usage = found[-2]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (10, 5)
    assert (event.input_tokens, event.output_tokens, event.streamed) == (10, 5, True)


def test_the_clients_own_accumulator_reads_the_stream(claude, model):
    with claude.messages.stream(model=model, **HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text == "word " * 5
    assert (final.content[0].text, final.stop_reason) == ("word " * 5, "end_turn")
    assert (final.usage.input_tokens, final.usage.output_tokens) == (10, 5)


def test_cached_and_thought_tokens_are_told_apart(claude, model, engine):
    engine.usage = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }

    usage = claude.messages.create(model=model, **HELLO).usage

    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (6, 4, 5)
    assert usage.output_tokens_details.thinking_tokens == 2


def test_a_tool_is_used_and_its_result_given_back(claude, model, engine):
    engine.tool_calls = [CALL, {**CALL, "id": "call_2"}]
    asked = [{"role": "user", "content": "Is it warm?"}]

    message = claude.messages.create(
        model=model,
        max_tokens=100,
        messages=asked,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    )
    engine.tool_calls = None
    results = [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "21 °C"},
        {
            "type": "tool_result",
            "tool_use_id": "call_2",
            "content": [{"type": "text", "text": "no such city"}],
            "is_error": True,
        },
        {"type": "text", "text": "And now?"},
    ]
    given = [*asked, message.to_param(), {"role": "user", "content": results}]
    claude.messages.create(model=model, max_tokens=100, messages=given, tools=[WEATHER])

    assert message.stop_reason == "tool_use"
    assert [block.name for block in message.content] == ["weather"] * 2
    assert message.content[0].input == {"city": "Paris"}
    first, second = engine.requests
    function = {
        "name": "weather",
        "description": "How warm it is.",
        "parameters": WEATHER["input_schema"],
    }
    assert first["tools"] == [{"type": "function", "function": function}]
    assert first["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert first["parallel_tool_calls"] is False
    failed = [{"type": "text", "text": "Error:"}, {"type": "text", "text": "no such city"}]
    assert second["messages"] == [
        {"role": "user", "content": "Is it warm?"},
        {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "21 °C"},
        {"role": "tool", "tool_call_id": "call_2", "content": failed},
        {"role": "user", "content": "And now?"},
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"), [("auto", "auto"), ("any", "required"), ("none", "none")]
)
def test_how_tools_are_chosen_is_said_in_chats_words(post, engine, choice, wanted):
    post(tools=[WEATHER], tool_choice={"type": choice})

    assert engine.requests[0]["tool_choice"] == wanted


def test_a_streamed_use_of_a_tool_is_put_together_by_the_client(claude, model, engine):
    opening = {**CALL, "index": 0, "function": {"name": "weather", "arguments": ""}}
    pieces = ['{"city"', ':"Paris"}']
    engine.raw = chunks(
        {"content": "Let me see."},
        {"tool_calls": [opening]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": it}}]} for it in pieces),
        {"tool_calls": [{**CALL, "id": "call_2", "index": 1}]},
        finish_reason="tool_calls",
    )

    with claude.messages.stream(model=model, tools=[WEATHER], **HELLO) as stream:
        final = stream.get_final_message()

    said, first, second = final.content
    assert (said.text, final.stop_reason) == ("Let me see.", "tool_use")
    assert (first.id, first.name, first.input) == ("call_1", "weather", {"city": "Paris"})
    assert (second.id, second.input) == ("call_2", {"city": "Paris"})


def test_arguments_that_were_cut_off_are_told_as_they_are(claude, model, engine):
    function = {"name": "weather", "arguments": '{"city":"Par'}
    engine.raw = chat({"tool_calls": [{**CALL, "function": function}]}, "length")

    message = claude.messages.create(model=model, tools=[WEATHER], **HELLO)

    assert message.content[0].input == {"arguments": '{"city":"Par'}
    assert message.stop_reason == "max_tokens"


def test_thoughts_are_blocks_of_their_own(claude, model, engine):
    engine.raw = chat({"role": "assistant", "reasoning_content": "Hm.", "content": "Yes."})
    thinking = {"type": "enabled", "budget_tokens": 1024}

    thought, said = claude.messages.create(model=model, thinking=thinking, **HELLO).content

    assert (thought.type, thought.thinking, said.text) == ("thinking", "Hm.", "Yes.")
    assert engine.requests[0]["reasoning_effort"] == "low"


def test_thoughts_are_streamed_as_blocks_of_their_own(claude, model, engine):
    engine.raw = chunks({"reasoning_content": "Hm."}, {"content": "Yes."})

    with claude.messages.stream(model=model, **HELLO) as stream:
        thought, said = stream.get_final_message().content

    assert (thought.type, thought.thinking, said.text) == ("thinking", "Hm.", "Yes.")


@pytest.mark.parametrize(
    ("facts", "effort"),
    [
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 20_000}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
    ],
)
def test_how_hard_to_think_is_said_in_chats_words(post, engine, facts, effort):
    assert post(**facts).status_code == 200

    assert engine.requests[0]["reasoning_effort"] == effort


def test_images_thoughts_and_earlier_answers_are_given_as_blocks(claude, model, engine):
    source = {"type": "base64", "media_type": "image/png", "data": DOT}
    given = [
        {
            "role": "user",
            "content": [{"type": "image", "source": source}, {"type": "text", "text": "What?"}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Small.", "signature": ""},
                {"type": "text", "text": "A dot."},
            ],
        },
        {"role": "user", "content": "Sure?"},
    ]
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]

    claude.messages.create(model=model, max_tokens=100, system=system, messages=given)

    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}
    assert engine.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [image, {"type": "text", "text": "What?"}]},
        {"role": "assistant", "reasoning_content": "Small.", "content": "A dot."},
        {"role": "user", "content": "Sure?"},
    ]


def test_an_answer_in_a_schema_is_asked_for_in_chats_words(claude, model, engine):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    format_ = {"type": "json_schema", "schema": schema}

    claude.messages.create(model=model, output_config={"format": format_}, **HELLO)

    wanted = {"name": "answer", "schema": schema, "strict": True}
    assert engine.requests[0]["response_format"] == {"type": "json_schema", "json_schema": wanted}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"finish_reason": "length"}, ("max_tokens", None)),
        ({"finish_reason": "content_filter"}, ("refusal", None)),
        ({"finish_reason": "stop", "stop_reason": "###"}, ("stop_sequence", "###")),
        ({"finish_reason": "stop", "stop_reason": 151645}, ("end_turn", None)),
    ],
)
def test_why_an_answer_ends_is_said_in_anthropics_words(claude, model, engine, facts, reason):
    answer = json.loads(chat({"content": "one"}))
    answer["choices"][0].update(facts)
    engine.raw = json.dumps(answer).encode()

    message = claude.messages.create(model=model, **HELLO)

    assert (message.stop_reason, message.stop_sequence) == reason


def test_an_engine_that_breaks_off_is_told_in_the_stream_and_billed(claude, model, engine):
    engine.words, engine.break_after = 50, 20

    text = []
    with (
        pytest.raises(anthropic.APIStatusError, match="broke off"),
        claude.messages.stream(model=model, **HELLO) as stream,
    ):
        text.extend(stream.text_stream)

    (event,) = recorded()
    assert (event.outcome, len(text)) == ("upstream_failed", 20)
    assert 15 <= event.output_tokens <= 30


@pytest.mark.parametrize("usage", [None, {"completion_tokens": 900}, {"prompt_tokens": -5}])
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_told_is_what_is_billed_also_when_the_engine_lies(post, engine, usage, stream):
    engine.usage = usage

    reply = post(stream=stream)

    usage = usage_of(reply)
    (event,) = recorded()
    assert event.policy["estimated"] is True
    assert usage["input_tokens"] == event.input_tokens
    assert usage["output_tokens"] == event.output_tokens


def test_the_key_may_come_in_either_header(gateway, key, pay, model):
    pay("10")
    url, body = gateway.url + "/v1/messages", {"model": model, **HELLO}

    own = httpx.post(url, json=body, headers={"x-api-key": key})
    bearer = httpx.post(url, json=body, headers={"authorization": f"Bearer {key}"})
    elsewhere = httpx.post(
        gateway.url + "/v1/chat/completions", json=body, headers={"x-api-key": key}
    )

    assert (own.status_code, bearer.status_code, elsewhere.status_code) == (200, 200, 401)
    assert own.headers["request-id"] == own.headers["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "error"),
    [({}, "x-api-key"), ({"x-api-key": "sk-ant-x"}, "mistyped")],
)
def test_without_a_good_key_the_refusal_is_in_anthropics_envelope(gateway, model, headers, error):
    reply = httpx.post(gateway.url + "/v1/messages", json={"model": model}, headers=headers)

    body = reply.json()
    assert reply.status_code == 401
    assert (body["type"], body["error"]["type"]) == ("error", "authentication_error")
    assert error in body["error"]["message"]
    assert body["request_id"] == reply.headers["request-id"]
    assert body["error"].keys() == {"type", "message"}


def test_a_balance_that_cannot_pay_is_told_in_anthropics_envelope(gateway, key, model):
    client = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)

    with pytest.raises(anthropic.APIStatusError, match="Top up") as caught:
        client.messages.create(model=model, **HELLO)

    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (402, "billing_error")


@pytest.mark.parametrize(
    ("facts", "kind", "status"),
    [
        ({"model": "nothing"}, "not_found_error", 404),
        ({"max_tokens": 0}, "invalid_request_error", 400),
        ({"max_tokens": None}, "invalid_request_error", 400),
        ({"messages": []}, "invalid_request_error", 400),
        ({"messages": [{"role": "robot", "content": "x"}]}, "invalid_request_error", 400),
        ({"api_base": "http://elsewhere"}, "invalid_request_error", 400),
    ],
)
def test_refusals_are_in_anthropics_envelope(post, engine, facts, kind, status):
    reply = post(**facts)

    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert engine.requests == []


def test_an_engine_that_fails_is_told_in_anthropics_envelope(post, engine):
    engine.status = 500

    reply = post()

    assert (reply.status_code, reply.json()["error"]["type"]) == (502, "api_error")


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ({"mcp_servers": [{"url": "http://x"}]}, "mcp_servers"),
        ({"container": "c_1"}, "container"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"context_management": {"edits": [{"type": "clear_tool_uses"}]}}, "context_management"),
        ({"speed": "fast"}, "speed"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "thinking.display"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": "x"}, "stop"),
        ({"messages": [{"role": "assistant", "content": "So"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "document"}]}]},
            "messages[0].content[0].type",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(post, engine, facts, place):
    reply = post(**facts)

    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith(f"'{place}' is not supported here.")
    assert engine.requests == []
    assert events() == []
    wait_for(lambda: leased() == 0, seconds=8)


def test_keeping_all_thoughts_is_nothing_to_refuse(post, engine):
    kept = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}

    assert post(context_management=kept).status_code == 200

    assert "context_management" not in engine.requests[0]


def test_addresses_of_images_are_not_fetched(post, engine):
    image = {"type": "image", "source": {"type": "url", "url": "http://10.0.0.1/x.png"}}

    reply = post(messages=[{"role": "user", "content": [image]}])

    assert reply.status_code == 400
    assert "Addresses are not fetched" in reply.json()["error"]["message"]
    assert engine.requests == []


def test_tokens_are_counted_before_and_cost_nothing(claude, model, engine):
    messages = [{"role": "user", "content": "word " * 400}]

    counted = claude.messages.count_tokens(model=model, messages=messages, system="Be brief.")

    assert 300 <= counted.input_tokens <= 700
    assert engine.requests == []
    assert (events(), remaining()) == ([], 10)


def test_what_cannot_be_counted_is_refused(post):
    reply = post("/v1/messages/count_tokens", messages="x")

    assert (reply.status_code, reply.json()["type"]) == (400, "error")
