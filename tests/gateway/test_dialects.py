"""Whatever is sent in another shape is translated or refused; whatever comes back is told or 502."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import prompts
from gateway.dialects.messages.answer import Messages
from gateway.dialects.ranking import Ranking
from gateway.dialects.responses.answer import Responses
from gateway.errors import InvalidRequest, UpstreamFailed
from gateway.upstreams.base import UpstreamError

BROKEN = UpstreamFailed("The engine's answer broke off.")
PARTS = {"input": 1, "cached_input": 0, "output": 1, "reasoning": 0}
NAMES = st.sampled_from(
    ["type", "role", "content", "text", "name", "input", "output", "call_id", "arguments", "source",
     "image_url", "format", "schema", "effort", "summary", "message", "function_call", "user",
     "assistant", "tool_result", "tool_use", "reasoning", "thinking", "input_text", "image", "url",
     "data", "file_data", "data:x", "function", "json_schema", "tool", "enabled", "index", "delta",
     "tool_calls", "id", "finish_reason"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ASKED = {
    Responses: {"input": "x"},
    Messages: {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5},
    Ranking: {"query": "x", "documents": ["x"]},
}
PARAMETERS = {
    Responses: ["input", "instructions", "tools", "tool_choice", "text", "reasoning", "include",
                "store", "truncation", "metadata", "max_output_tokens", "top_logprobs", "stream"],
    Messages: ["messages", "system", "tools", "tool_choice", "thinking", "output_config",
               "stop_sequences", "metadata", "max_tokens", "stream", "speed"],
    Ranking: ["query", "documents", "top_n", "return_documents"],
}  # fmt: skip


def asked(dialect, facts):
    """Return the dialect of a request, or None when it is refused."""
    try:
        return dialect({"model": "m", **ASKED[dialect], **facts}, "req_1")
    except InvalidRequest:
        return None


def read(dialect, answer):
    """Return what is told of an engine's whole answer, or None when it cannot be read."""
    try:
        return json.loads(asked(dialect, {}).whole(json.dumps(answer).encode(), PARTS))
    except UpstreamError:
        return None


def streamed(dialect, deltas):
    """Return what is told of an engine's stream, up to where it cannot be read."""
    found, told = asked(dialect, {}), b""
    try:
        for delta in deltas:
            chunk = {"choices": [{"delta": delta}]}
            told += found.events(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    except UpstreamError:
        return told + found.end(PARTS, BROKEN)
    return told + found.end(PARTS, None)


@pytest.mark.parametrize("dialect", ASKED, ids=lambda it: it.__name__)
@given(data=st.data())
def test_a_request_is_translated_or_refused(dialect, data):
    names = st.sampled_from(PARAMETERS[dialect])
    facts = data.draw(st.dictionaries(names, VALUES, min_size=1, max_size=3))

    found = asked(dialect, facts)

    assert found is None or json.dumps(found.body)
    assert found is None or found.body["model"] == "m"


@pytest.mark.parametrize("dialect", ASKED, ids=lambda it: it.__name__)
@given(message=VALUES, reason=VALUES)
def test_an_answer_is_told_or_cannot_be_read(dialect, message, reason):
    choice = {"message": message, "finish_reason": reason}

    answers = [read(dialect, message), read(dialect, {"choices": [choice], "results": message})]

    assert all(answer is None or isinstance(answer, dict) for answer in answers)


@pytest.mark.parametrize("dialect", [Responses, Messages], ids=lambda it: it.__name__)
@given(deltas=st.lists(VALUES, max_size=4))
def test_a_stream_is_told_event_by_event_until_it_cannot_be_read(dialect, deltas):
    told = streamed(dialect, deltas)

    lines = [line for line in told.split(b"\n") if line.startswith(b"data: ")]
    assert all(json.loads(line.removeprefix(b"data: "))["type"] for line in lines)
    assert lines


def test_the_query_is_bounded_by_what_a_model_reads():
    prompt = prompts.pairs("query", ["a", "b" * 100], 16, 50)

    assert (prompt.bound, prompt.size) == ((5 + 1 + 16) + 50, 5 + 1 + 5 + 100)
