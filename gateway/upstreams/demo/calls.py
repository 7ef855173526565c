"""When the simulator calls a tool, and with which arguments."""

import re
from typing import Any

import msgspec

from gateway.upstreams.demo import examples
from gateway.upstreams.demo.bodies import ChatRequest, Function, NamedTool
from gateway.upstreams.demo.template import text_of

_WORD = re.compile(r"[^\W\d_]{4,}")
_ASKS = re.compile(r"\b(tools?|functions?)\b", re.IGNORECASE)
#: Parts of functions' names that say nothing about what they are for.
COMMON = frozenset({"call", "create", "fetch", "find", "list", "make", "send", "show", "this"})


class Call(msgspec.Struct, frozen=True):
    """A call of a function."""

    name: str
    arguments: str


def wanted(request: ChatRequest) -> Call | None:
    """Return the call that answers the request: forced, or asked for in the last message."""
    function = _forced(request) or _asked(request)
    if function is None:
        return None
    question = _question(request)
    schema: dict[str, Any] = function.parameters or {"type": "object", "properties": {}}
    value = examples.fill(schema, question, param="tools")
    arguments = value if isinstance(value, dict) else {}
    return Call(function.name, msgspec.json.encode(arguments).decode())


def _forced(request: ChatRequest) -> Function | None:
    choice, tools = request.tool_choice, request.tools or []
    if isinstance(choice, NamedTool):
        name = choice.function.name
        return next(tool.function for tool in tools if tool.function.name == name)
    if choice != "required":
        return None
    # Forced to call something: what was asked for if anything was, else the first on offer.
    return _asked(request) or tools[0].function


def _asked(request: ChatRequest) -> Function | None:
    if not request.tools or request.tool_choice == "none" or request.messages[-1].role != "user":
        return None
    question = _question(request).lower()
    for tool in request.tools:
        words = set(_WORD.findall(tool.function.name.lower())) - COMMON
        if any(word in question for word in words):
            return tool.function
    return request.tools[0].function if _ASKS.search(question) else None


def _question(request: ChatRequest) -> str:
    return next(
        (text_of(message) for message in reversed(request.messages) if message.role == "user"), ""
    )
