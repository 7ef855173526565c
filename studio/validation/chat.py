"""What a chat example for supervised fine-tuning must be; plain Python.

The rules are those of OpenAI's own schema, which allows ``tool_calls`` with no content and the
role ``tool``.
"""

import json
from collections.abc import Iterator
from typing import Any

from studio.validation import foreign
from studio.validation.decoding import check_text
from studio.validation.problems import Problem, Unusable, quoted

EXAMPLE_KEYS = {"messages", "tools", "parallel_tool_calls"}
MESSAGE_KEYS = {"role", "content", "name", "tool_calls", "tool_call_id", "weight"}
ROLES = ("system", "user", "assistant", "tool")


def problems(example: dict[str, Any]) -> Iterator[Problem]:
    """Yield all that is wrong with an example."""
    if form := foreign.recognised(example):
        yield Problem("other_format", f"this is {form}; it can be made into messages")
        return
    for key in sorted(set(example) - EXAMPLE_KEYS):
        yield Problem("unknown_key", f"only {_listed(EXAMPLE_KEYS)} can be used", quoted(key))
    if not isinstance(example.get("tools", []), list):
        yield Problem("invalid_tools", "a list of tools is expected", "tools")
    messages = example.get("messages")
    if not isinstance(messages, list) or not messages:
        yield Problem("missing_messages", "a list of messages is expected", "messages")
        return
    wrong = False
    for number, message in enumerate(messages):
        for problem in _of_message(message, f"messages[{number}]"):
            wrong = True
            yield problem
    if not wrong:
        yield from _of_conversation(messages)


def _of_message(message: Any, path: str) -> Iterator[Problem]:
    if not isinstance(message, dict):
        yield Problem("invalid_message", "an object is expected", path)
        return
    for key in sorted(message.keys() - MESSAGE_KEYS):
        yield Problem(
            "unknown_key", f"only {_listed(MESSAGE_KEYS)} can be used", f"{path}[{quoted(key)}]"
        )
    role = message.get("role")
    if role not in ROLES:
        hint = (
            f"; did you mean {foreign.ROLES[role]!r}?"
            if isinstance(role, str) and role in foreign.ROLES
            else ""
        )
        words = f"{quoted(role)} is not one of {', '.join(ROLES)}{hint}"
        yield Problem("invalid_role", words, f"{path}.role")
        return
    try:
        _check_content(message, path)
        _check_calls(message, path)
    except Unusable as error:
        yield error.problem
    if not _is_weighted_well(message):
        yield Problem("invalid_weight", "0 or 1, in messages of the assistant", f"{path}.weight")


def _is_weighted_well(message: dict[str, Any]) -> bool:
    weight = message.get("weight")
    if weight is None:
        return True
    return message["role"] == "assistant" and type(weight) is int and weight in (0, 1)


def _check_content(message: dict[str, Any], path: str) -> None:
    content = message.get("content")
    if content is None and message.get("tool_calls"):
        return
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    for part in parts:
        if not isinstance(part, dict) or part.get("type") != "text":
            raise Unusable("unsupported_content", "only text can be used", f"{path}.content")
        text = part.get("text")
        if not isinstance(text, str):
            raise Unusable("missing_content", "text is expected", f"{path}.content")
        check_text(text, f"{path}.content")
    if not any(str(part["text"]).strip() for part in parts):
        raise Unusable("empty_content", "the text is empty", f"{path}.content")


def _check_calls(message: dict[str, Any], path: str) -> None:
    calls = message.get("tool_calls") or []
    if calls and message["role"] != "assistant":
        raise Unusable("invalid_tool_calls", "only the assistant calls tools", f"{path}.tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else [None]):
        here = f"{path}.tool_calls[{number}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(call.get("id"), str):
            raise Unusable("invalid_tool_calls", "an id and a function are expected", here)
        if not isinstance(function.get("name"), str) or not _is_json(function.get("arguments")):
            raise Unusable(
                "invalid_tool_calls", "a name, and arguments as a JSON string, are expected", here
            )
        check_text(function["arguments"], here)


def _of_conversation(messages: list[dict[str, Any]]) -> Iterator[Problem]:
    roles = [message["role"] for message in messages]
    if "system" in roles[1:]:
        where = f"messages[{roles.index('system', 1)}].role"
        yield Problem("system_not_first", "a system message can only stand first", where)
    if "user" not in roles:
        yield Problem("missing_user", "no message is the user's", "messages")
    if roles[-1] != "assistant":
        words = "the last message must be the assistant's: it is what is learnt"
        yield Problem("last_not_assistant", words, f"messages[{len(roles) - 1}].role")
    elif all(each.get("weight") == 0 for each in messages if each["role"] == "assistant"):
        yield Problem("nothing_to_learn", "every answer has the weight 0", "messages")
    yield from _unknown_calls(messages)


def _unknown_calls(messages: list[dict[str, Any]]) -> Iterator[Problem]:
    called: set[str] = set()
    for number, message in enumerate(messages):
        called.update(call["id"] for call in message.get("tool_calls") or [])
        made_by = message.get("tool_call_id")
        if message["role"] == "tool" and not (isinstance(made_by, str) and made_by in called):
            path = f"messages[{number}].tool_call_id"
            yield Problem("unknown_tool_call", "no earlier message made this call", path)


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(text, str)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
