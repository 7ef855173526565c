"""`/v1/responses`, as OpenAI's own client sees it."""

import json
from decimal import Decimal

import httpx2 as httpx
import openai
import pytest
from pydantic import BaseModel

from tests.gateway.conftest import events, leased, recorded, remaining, wait_for
from tests.gateway.contract import faults

# Ten tokens in, five out: 10 * 0.000001 + 5 * 0.00001.
WORTH = Decimal("0.00006")
PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
}


class Capital(BaseModel):
    """What a structured answer is read into."""

    city: str


def chat(message, finish_reason="stop", **facts):
    """Return an engine's whole answer."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **facts}
    return json.dumps({"id": "1", "model": "x", "choices": [choice], "usage": usage}).encode()


def chunks(*deltas, finish_reason="stop"):
    """Return an engine's stream."""
    told = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    told.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    told.append({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}})
    lines = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in told)
    return lines + b"data: [DONE]\n\n"


@pytest.fixture
def post(gateway, key, pay, model):
    """Call without a client in between."""
    pay("10")
    headers = {"authorization": f"Bearer {key}"}

    def post(**facts):
        body = {"model": model, "input": "Say five words.", **facts}
        return httpx.post(gateway.url + "/v1/responses", json=body, headers=headers)

    return post


def told(reply):
    """Return the events of a stream."""
    lines = [line for line in reply.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def final(reply):
    """Return the response that an answer ends with, whole or streamed."""
    is_stream = reply.headers["content-type"].startswith("text/event-stream")
    return told(reply)[-1]["response"] if is_stream else reply.json()


def test_a_response_is_answered_and_billed_to_the_last_digit(client, model, engine):
    response = client.responses.create(
        model=model,
        instructions="Be brief.",
        input="Say five words.",
        max_output_tokens=20,
        temperature=0,
        metadata={"order": "7"},
    )

    assert (response.output_text, response.status) == ("word " * 5, "completed")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 5)
    assert (response.model, response.instructions, response.temperature) == (model, "Be brief.", 0)
    assert response.metadata == {"order": "7"}
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens, event.outcome) == (10, 5, "completed")
    assert response.id == "resp_" + event.event_id.removeprefix("req_")
    assert remaining() == 10 - WORTH
    (request,) = engine.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say five words."},
    ]
    assert (request["max_tokens"], request["temperature"]) == (20, 0)
    assert request.keys().isdisjoint({"input", "instructions", "max_output_tokens", "metadata"})


def test_a_response_has_the_published_shape_and_says_that_nothing_is_kept(post):
    reply = post(tools=[WEATHER], reasoning={"effort": "low", "summary": "auto"}, store=False)

    assert reply.status_code == 200, reply.text
    assert faults("Response", reply.json()) == []
    assert reply.json()["store"] is False
    assert reply.json()["previous_response_id"] is None
    assert reply.headers["x-request-id"].startswith("req_")


def test_a_stream_tells_its_text_and_ends_with_what_is_billed(client, model, engine):
    stream = client.responses.create(model=model, input="Say five words.", stream=True)

    found = list(stream)

    assert [event.sequence_number for event in found] == list(range(len(found)))
    assert [event.type for event in found if "delta" not in event.type] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    deltas = [event.delta for event in found if event.type == "response.output_text.delta"]
    assert deltas == ["word "] * 5
    last = found[-1].response
    assert (last.output_text, last.usage.input_tokens, last.usage.output_tokens) == (
        "word " * 5,
        10,
        5,
    )
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens, event.streamed) == (10, 5, True)
    assert engine.requests[0]["stream_options"] == {"include_usage": True}


def test_the_clients_own_accumulator_reads_the_stream(client, model):
    with client.responses.stream(model=model, input="Say five words.") as stream:
        final = stream.get_final_response()

    assert (final.output_text, final.usage.total_tokens) == ("word " * 5, 15)


@pytest.mark.parametrize(
    ("deltas", "finish_reason"),
    [
        ([{"role": "assistant", "content": ""}, {"content": "one "}, {"content": "two"}], "stop"),
        ([{"reasoning_content": "hm"}, {"content": "one"}], "stop"),
        ([{"refusal": "I cannot."}], "content_filter"),
        ([{"content": "one"}], "length"),
        ([{"content": "so:"}, {"tool_calls": [{**CALL, "index": 0}]}], "tool_calls"),
    ],
)
def test_each_event_of_a_stream_has_the_published_shape(post, engine, deltas, finish_reason):
    engine.raw = chunks(*deltas, finish_reason=finish_reason)

    found = told(post(stream=True))

    names = [event["type"].title().replace(".", "").replace("_", "") for event in found]
    schemas = [name.replace("OutputText", "Text") + "Event" for name in names]
    problems = [faults(schema, event) for schema, event in zip(schemas, found, strict=True)]
    assert problems == [[]] * len(found)
    assert len(found) > 6


def test_a_tool_is_called_and_its_answer_given_back(client, model, engine):
    engine.tool_calls = [CALL, {**CALL, "id": "call_2"}]
    asked = [{"role": "user", "content": "Is it warm?"}]
    choice = {"type": "function", "name": "weather"}

    response = client.responses.create(
        model=model, input=asked, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=True
    )
    engine.tool_calls = None
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "21 °C"}
        for call in response.output
    ]
    given = [*asked, *(item.to_dict() for item in response.output), *outputs]
    client.responses.create(model=model, input=given, tools=[WEATHER])

    assert [item.type for item in response.output] == ["function_call"] * 2
    assert (response.output[0].name, response.output[0].call_id) == ("weather", "call_1")
    assert json.loads(response.output[0].arguments) == {"city": "Paris"}
    first, second = engine.requests
    function = {name: WEATHER[name] for name in ("name", "parameters", "strict")}
    assert first["tools"] == [{"type": "function", "function": function}]
    assert first["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert first["parallel_tool_calls"] is True
    assert second["messages"] == [
        {"role": "user", "content": "Is it warm?"},
        {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "21 °C"},
        {"role": "tool", "tool_call_id": "call_2", "content": "21 °C"},
    ]


def test_a_streamed_call_of_a_tool_is_put_together_by_the_client(client, model, engine):
    opening = {**CALL, "index": 0, "function": {"name": "weather", "arguments": ""}}
    pieces = ['{"city"', ':"Paris"}']
    engine.raw = chunks(
        {"tool_calls": [opening]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": it}}]} for it in pieces),
        finish_reason="tool_calls",
    )

    with client.responses.stream(model=model, input="Warm?", tools=[WEATHER]) as stream:
        final = stream.get_final_response()

    (call,) = final.output
    assert (call.name, call.call_id, call.arguments) == ("weather", "call_1", '{"city":"Paris"}')


def test_two_calls_in_one_stream_are_two_items(client, model, engine):
    second = {**CALL, "id": "call_2", "index": 1}
    engine.raw = chunks({"tool_calls": [{**CALL, "index": 0}]}, {"tool_calls": [second]})

    with client.responses.stream(model=model, input="Warm?", tools=[WEATHER]) as stream:
        final = stream.get_final_response()

    assert [call.call_id for call in final.output] == ["call_1", "call_2"]


def test_an_answer_in_a_schema_is_read_by_the_client(client, model, engine):
    engine.raw = chat({"role": "assistant", "content": '{"city":"Paris"}'})

    response = client.responses.parse(model=model, input="Which?", text_format=Capital)

    assert response.output_parsed == Capital(city="Paris")
    wanted = engine.requests[0]["response_format"]
    assert wanted["type"] == "json_schema"
    assert (wanted["json_schema"]["name"], wanted["json_schema"]["strict"]) == ("Capital", True)
    assert wanted["json_schema"]["schema"]["required"] == ["city"]


def test_images_and_earlier_answers_are_given_as_items(client, model, engine):
    given = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": PIXEL, "detail": "low"},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "Small."}],
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "A dot.", "annotations": []}],
        },
        {"role": "user", "content": "Sure?"},
    ]

    client.responses.create(model=model, input=given)

    image = {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}
    assert engine.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
        {"role": "assistant", "reasoning_content": "Small.", "content": "A dot."},
        {"role": "user", "content": "Sure?"},
    ]


def test_thoughts_are_items_of_their_own(client, model, engine):
    details = {"completion_tokens_details": {"reasoning_tokens": 2}}
    message = {"role": "assistant", "reasoning_content": "Hm.", "content": "Yes."}
    engine.raw = chat(message, **details)

    response = client.responses.create(
        model=model, input="Sure?", reasoning={"effort": "high", "summary": "auto"}
    )

    thought, said = response.output
    assert (thought.type, thought.content[0].text) == ("reasoning", "Hm.")
    assert said.content[0].text == "Yes."
    assert response.usage.output_tokens_details.reasoning_tokens == 2
    assert engine.requests[0]["reasoning_effort"] == "high"


def test_probabilities_are_told_when_they_are_included(client, model, engine):
    logprob = {"token": "Yes", "logprob": -0.1, "bytes": [89], "top_logprobs": []}
    answer = json.loads(chat({"role": "assistant", "content": "Yes"}))
    answer["choices"][0]["logprobs"] = {"content": [logprob]}
    engine.raw = json.dumps(answer).encode()

    response = client.responses.create(
        model=model, input="Sure?", include=["message.output_text.logprobs"], top_logprobs=2
    )

    assert response.output[0].content[0].logprobs[0].logprob == -0.1
    assert engine.requests[0]["logprobs"] is True
    assert engine.requests[0]["top_logprobs"] == 2


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_was_cut_says_so(post, engine, stream):
    engine.words = 1
    engine.finish_reason = "length"

    response = final(post(stream=stream))

    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


def test_an_engine_that_breaks_off_fails_the_response_with_what_is_billed(client, model, engine):
    engine.words, engine.break_after = 50, 20

    found = list(client.responses.create(model=model, input="Say fifty words.", stream=True))

    last = found[-1]
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert (last.response.error.code, "broke off" in last.response.error.message) == (
        "server_error",
        True,
    )
    (event,) = recorded()
    assert event.outcome == "upstream_failed"
    assert 15 <= event.output_tokens <= 30
    assert last.response.usage.output_tokens == event.output_tokens
    assert last.response.usage.input_tokens == event.input_tokens


@pytest.mark.parametrize("usage", [None, {"completion_tokens": 900}, {"prompt_tokens": -5}])
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_told_is_what_is_billed_also_when_the_engine_lies(post, engine, usage, stream):
    engine.usage = usage

    response = final(post(stream=stream))

    (event,) = recorded()
    assert event.policy["estimated"] is True
    assert response["usage"]["input_tokens"] == event.input_tokens
    assert response["usage"]["output_tokens"] == event.output_tokens
    assert 1 <= event.output_tokens <= 25


@pytest.mark.parametrize("stream", [True, False])
def test_an_empty_answer_costs_nothing_and_says_so(post, engine, stream):
    engine.words = 0

    response = final(post(stream=stream))

    assert (response["status"], response["usage"]["total_tokens"]) == ("completed", 0)
    wait_for(lambda: leased() == 0, seconds=8)
    assert events() == []


def test_an_engine_that_breaks_off_before_its_first_word_fails_and_costs_nothing(post, engine):
    engine.break_after = 0

    response = final(post(stream=True))

    assert (response["status"], response["usage"]["total_tokens"]) == ("failed", 0)
    assert events() == []


def test_a_client_that_goes_away_pays_for_what_came(client, model, engine):
    engine.words, engine.pause = 500, 0.02

    with client.responses.create(model=model, input="Go on.", stream=True) as stream:
        for _number, _event in zip(range(12), stream, strict=False):
            pass

    wait_for(lambda: engine.closed)
    (event,) = recorded()
    assert event.outcome == "client_gone"
    assert 5 <= event.output_tokens <= 30


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"truncation": "auto"}, "truncation"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"include": ["web_search_call.results"]}, "include[0]"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
        ({"api_base": "http://elsewhere"}, "api_base"),
        ({"chat_template_kwargs": {"api_key": "x"}}, "api_key"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(post, engine, facts, param):
    reply = post(**facts)

    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, param)
    assert error["code"] in ("unsupported_parameter", "unknown_parameter")
    assert f"'{param}'" in error["message"]
    assert engine.requests == []
    assert events() == []
    wait_for(lambda: leased() == 0, seconds=8)


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "input[0].content[0].text",
        ),
        ({"input": [{"type": "function_call", "call_id": "1", "name": "x"}]}, "input[0].arguments"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 10**9}, "max_output_tokens"),
        ({"instructions": 5}, "instructions"),
        ({"tools": "x"}, "tools"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_what_is_malformed_is_refused_by_name(post, engine, facts, param):
    reply = post(**facts)

    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, param), error
    assert f"'{param}'" in error["message"]
    assert faults("ErrorResponse", reply.json()) == []
    assert engine.requests == []


def test_addresses_of_images_are_not_fetched(post, engine):
    image = {"type": "input_image", "image_url": "http://10.0.0.1/x.png"}

    reply = post(input=[{"role": "user", "content": [image]}])

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "input[0].content[0].image_url"
    assert engine.requests == []


def test_parameters_nobody_here_knows_reach_the_engine(post, engine):
    post(top_k=5, seed=7, tools=None)

    assert (engine.requests[0]["top_k"], engine.requests[0]["seed"]) == (5, 7)


def test_an_engine_that_refuses_is_told_in_the_names_of_this_path(client, model, engine):
    engine.status = 400
    engine.raw = b'{"error":{"message":"\'max_tokens\' is odd","param":"max_tokens"}}'

    with pytest.raises(openai.BadRequestError, match="'max_output_tokens' is odd") as caught:
        client.responses.create(model=model, input="Hello")

    assert caught.value.param == "max_output_tokens"


def test_a_model_that_makes_vectors_gives_no_responses(client, make_offer):
    vectors = make_offer(kind="embedding", prices={"input": "0.000001"}).name

    with pytest.raises(openai.BadRequestError, match="is not for this endpoint"):
        client.responses.create(model=vectors, input="Hello")
