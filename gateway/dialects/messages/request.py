"""The body of ``/v1/messages`` as the body of ``/chat/completions`` that asks the same."""

from typing import Any

from gateway.dialects.base import expect, missing, refuse_all, text, unsupported, wrong
from gateway.dialects.messages import blocks

#: What would need services that are not here, or says where to compute what an offer has settled.
REFUSED = {
    "container": "Nothing is kept between requests.",
    "diagnostics": "Nothing is kept between requests.",
    "inference_geo": "Where an answer is computed, the model's offer says: GET /v1/models.",
    "mcp_servers": "Tools run where the caller is.",
    "user_profile_id": "The key says whom a request is for.",
    "workspace_id": "The key says whom a request is for.",
}
#: What says nothing to an engine: prefixes are cached without being told to.
LABELS = frozenset({"cache_control", "context_management", "service_tier", "speed"})
#: What is said otherwise to an engine.
SAID = frozenset(
    {"messages", "metadata", "output_config", "stop_sequences", "system", "thinking",
     "tool_choice", "tools"}
)  # fmt: skip
#: Names of /chat/completions that would contradict what is said here, or answers we cannot tell.
FOREIGN = {
    "max_completion_tokens": "Use 'max_tokens'.",
    "response_format": "Use 'output_config.format'.",
    "reasoning_effort": "Use 'output_config.effort'.",
    "stop": "Use 'stop_sequences'.",
    "user": "Use 'metadata.user_id'.",
    "functions": "Use 'tools'.",
    "function_call": "Use 'tool_choice'.",
    "parallel_tool_calls": "Use 'tool_choice.disable_parallel_tool_use'.",
    "stream_options": "Usage stands in every answer.",
    "logprobs": "They are told by /v1/chat/completions.",
    "n": "A message is one answer.",
    "best_of": "A message is one answer.",
    "modalities": "A message is text.",
    "audio": "A message is text.",
}
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
#: An engine is told how hard to think, not for how many tokens: the effort for up to so many.
BUDGETS = ((2_048, "low"), (8_192, "medium"))


def chat(body: dict[str, Any]) -> dict[str, Any]:
    """Return the engine's body; what cannot be honoured is refused by name."""
    if body.get("max_tokens") is None:
        raise missing("max_tokens")
    return counted(body)


def counted(body: dict[str, Any]) -> dict[str, Any]:
    """Return the engine's body, also of a request that asks for no answer."""
    refuse_all(body, REFUSED)
    refuse_all(body, FOREIGN)
    _check_labels(body)
    kept = body.keys() - LABELS - SAID - REFUSED.keys() - FOREIGN.keys()
    # In the caller's order, so that equal requests are equal to the byte for an engine's cache.
    asked = {name: value for name, value in body.items() if name in kept}
    asked["messages"] = blocks.messages(body)
    for add in (_add_tools, _add_choice, _add_output, _add_thinking, _add_rest):
        add(asked, body)
    return asked


def _check_labels(body: dict[str, Any]) -> None:
    if body.get("service_tier") not in (None, "auto", "standard_only"):
        raise unsupported("service_tier", "Only 'auto' and 'standard_only' are.")
    if body.get("speed") not in (None, "standard"):
        raise unsupported("speed", "Only 'standard' is.")
    edits = expect(
        _object(body, "context_management").get("edits") or [],
        list,
        "context_management.edits",
        "a list",
    )
    # Coding agents ask with every call that all thoughts be kept, which they are.
    if any(not isinstance(edit, dict) or edit.get("keep") != "all" for edit in edits):
        raise unsupported("context_management", "Send a conversation that fits the model.")


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    return expect(body.get(name) or {}, dict, name, "an object")


def _add_tools(asked: dict[str, Any], body: dict[str, Any]) -> None:
    given = expect(body.get("tools") or [], list, "tools", "a list")
    if given:
        asked["tools"] = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(given)]


def _tool(tool: Any, place: str) -> dict[str, Any]:
    if expect(tool, dict, place, "an object").get("type") not in (None, "custom"):
        raise unsupported(f"{place}.type", "It may be 'custom': tools run where the caller is.")
    names = {"name": "name", "description": "description", "input_schema": "parameters"}
    names["strict"] = "strict"
    for name in tool.keys() - names.keys() - {"type", "cache_control", "eager_input_streaming"}:
        if tool[name]:
            raise unsupported(f"{place}.{name}")
    function = {ours: tool[name] for name, ours in names.items() if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _add_choice(asked: dict[str, Any], body: dict[str, Any]) -> None:
    choice = _object(body, "tool_choice")
    kind = choice.get("type")
    if kind == "tool":
        name = text(choice.get("name"), "tool_choice.name")
        asked["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif isinstance(kind, str) and kind in CHOICES:
        asked["tool_choice"] = CHOICES[kind]
    elif choice:
        raise wrong("tool_choice.type", "one of auto, any, tool, none")
    if choice.get("disable_parallel_tool_use"):
        asked["parallel_tool_calls"] = False


def _add_output(asked: dict[str, Any], body: dict[str, Any]) -> None:
    wanted = _object(body, "output_config")
    for name in wanted.keys() - {"effort", "format"}:
        if wanted[name] is not None:
            raise unsupported(f"output_config.{name}")
    if wanted.get("effort") is not None:
        asked["reasoning_effort"] = wanted["effort"]
    format_ = expect(wanted.get("format") or {}, dict, "output_config.format", "an object")
    if not format_:
        return
    if format_.get("type") != "json_schema":
        raise wrong("output_config.format.type", "'json_schema'")
    schema = {"name": "answer", "schema": format_.get("schema"), "strict": True}
    asked["response_format"] = {"type": "json_schema", "json_schema": schema}


def _add_thinking(asked: dict[str, Any], body: dict[str, Any]) -> None:
    wanted = _object(body, "thinking")
    if wanted.get("display") not in (None, "summarized"):
        raise unsupported("thinking.display", "Thoughts are shown as the engine tells them.")
    match wanted.get("type", "adaptive"):
        case "adaptive":
            return
        case "disabled":
            asked["reasoning_effort"] = "none"
        case "enabled":
            asked.setdefault("reasoning_effort", _effort(wanted.get("budget_tokens")))
        case _:
            raise wrong("thinking.type", "one of adaptive, enabled, disabled")


def _effort(budget: Any) -> str:
    if type(budget) is not int or budget < 1:
        raise wrong("thinking.budget_tokens", "a whole number from 1")
    return next((effort for most, effort in BUDGETS if budget <= most), "high")


def _add_rest(asked: dict[str, Any], body: dict[str, Any]) -> None:
    if body.get("stop_sequences"):
        asked["stop"] = body["stop_sequences"]
    user = _object(body, "metadata").get("user_id")
    if user is not None:
        asked["user"] = text(user, "metadata.user_id")
