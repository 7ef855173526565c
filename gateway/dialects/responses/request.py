"""The body of ``/v1/responses`` as the body of ``/chat/completions`` that asks the same."""

from typing import Any

from gateway.dialects.base import expect, refuse_all, unsupported, wrong
from gateway.dialects.responses import items

STATELESS = "Nothing is kept between requests: send the whole conversation as 'input'."
#: What would need a memory, or services, that are not here.
REFUSED = {
    "previous_response_id": STATELESS,
    "conversation": STATELESS,
    "prompt": "No prompts are kept here: send 'instructions' and 'input'.",
    "context_management": "Send a conversation that fits the model.",
    "moderation": "Answers are not moderated here.",
}
#: What says nothing to an engine: labels for the caller's own books, and hints for caches.
LABELS = frozenset(
    {"include", "max_tool_calls", "metadata", "prompt_cache_key", "prompt_cache_options",
     "prompt_cache_retention", "service_tier", "store", "background", "stream_options",
     "truncation"}
)  # fmt: skip
#: What is said with other names to an engine.
SAID = frozenset(
    {"input", "instructions", "max_output_tokens", "reasoning", "text", "tool_choice", "tools",
     "top_logprobs"}
)  # fmt: skip
#: Names of /chat/completions that would contradict what is said here, or answers we cannot tell.
FOREIGN = {
    "messages": "Use 'input'.",
    "max_tokens": "Use 'max_output_tokens'.",
    "max_completion_tokens": "Use 'max_output_tokens'.",
    "response_format": "Use 'text.format'.",
    "reasoning_effort": "Use 'reasoning.effort'.",
    "logprobs": "Use 'include' with 'message.output_text.logprobs'.",
    "functions": "Use 'tools'.",
    "function_call": "Use 'tool_choice'.",
    "n": "A response is one answer.",
    "best_of": "A response is one answer.",
    "modalities": "A response is text.",
    "audio": "A response is text.",
}
#: What names of ours an error of the translated body should say.
RENAMED = {
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}
LOGPROBS = "message.output_text.logprobs"
#: Thoughts are told in clear, which is more than was asked for.
INCLUDED = (LOGPROBS, "reasoning.encrypted_content")


def chat(body: dict[str, Any]) -> dict[str, Any]:
    """Return the engine's body; what cannot be honoured is refused by name."""
    refuse_all(body, REFUSED)
    refuse_all(body, FOREIGN)
    _check_labels(body)
    kept = body.keys() - LABELS - SAID - REFUSED.keys() - FOREIGN.keys()
    # In the caller's order, so that equal requests are equal to the byte for an engine's cache.
    asked = {name: value for name, value in body.items() if name in kept}
    asked["messages"] = items.messages(body)
    if body.get("max_output_tokens") is not None:
        asked["max_tokens"] = body["max_output_tokens"]
    for add in (_add_tools, _add_format, _add_reasoning, _add_logprobs):
        add(asked, body)
    return asked


def _check_labels(body: dict[str, Any]) -> None:
    if body.get("store"):
        raise unsupported("store", "Nothing is kept here: leave it out or send false.")
    if body.get("background"):
        raise unsupported(
            "background", "Wait for the answer or stream it: leave it out or send false."
        )
    if body.get("truncation") not in (None, "disabled"):
        raise unsupported(
            "truncation", "Only 'disabled' is: nothing is left out of a conversation."
        )
    if body.get("service_tier") not in (None, "auto", "default"):
        raise unsupported("service_tier", "Only 'auto' and 'default' are.")
    for number, name in enumerate(_list(body, "include")):
        if name not in INCLUDED:
            raise unsupported(f"include[{number}]", "It may be " + ", ".join(INCLUDED) + ".")


def _list(body: dict[str, Any], name: str) -> list[Any]:
    return expect(body.get(name) or [], list, name, "a list")


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    return expect(body.get(name) or {}, dict, name, "an object")


def _add_tools(asked: dict[str, Any], body: dict[str, Any]) -> None:
    given = _list(body, "tools")
    if given:
        asked["tools"] = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(given)]
    choice = body.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, dict):
        if choice.get("type") != "function":
            raise unsupported("tool_choice.type", "It may be 'function'.")
        choice = {"type": "function", "function": {"name": choice.get("name")}}
    asked["tool_choice"] = choice


def _tool(tool: Any, place: str) -> dict[str, Any]:
    if expect(tool, dict, place, "an object").get("type") != "function":
        raise unsupported(f"{place}.type", "It may be 'function': tools run where the caller is.")
    for name in tool.keys() - {"type", "name", "description", "parameters", "strict"}:
        if tool[name]:
            raise unsupported(f"{place}.{name}")
    names = ("name", "description", "parameters", "strict")
    function = {name: tool[name] for name in names if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _add_format(asked: dict[str, Any], body: dict[str, Any]) -> None:
    wanted = _object(body, "text")
    if wanted.get("verbosity") is not None:
        asked["verbosity"] = wanted["verbosity"]
    format_ = expect(wanted.get("format") or {}, dict, "text.format", "an object")
    kind = format_.get("type", "text")
    if kind == "json_object":
        asked["response_format"] = {"type": "json_object"}
    elif kind == "json_schema":
        schema = {name: value for name, value in format_.items() if name != "type"}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif kind != "text":
        raise wrong("text.format.type", "one of text, json_object, json_schema")


def _add_reasoning(asked: dict[str, Any], body: dict[str, Any]) -> None:
    wanted = _object(body, "reasoning")
    # A summary is more than asked for when the thoughts themselves are told.
    for name in wanted.keys() - {"effort", "summary", "generate_summary"}:
        if wanted[name] not in (None, "auto"):
            raise unsupported(f"reasoning.{name}")
    if wanted.get("effort") is not None:
        asked["reasoning_effort"] = wanted["effort"]


def _add_logprobs(asked: dict[str, Any], body: dict[str, Any]) -> None:
    if body.get("top_logprobs"):
        asked["top_logprobs"] = body["top_logprobs"]
    if body.get("top_logprobs") or LOGPROBS in _list(body, "include"):
        asked["logprobs"] = True
