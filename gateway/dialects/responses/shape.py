"""The parts of a response: its items, what was asked for, what it used."""

from collections.abc import Mapping
from typing import Any

from gateway.dialects.base import Parts
from gateway.dialects.turn import Block, Turn
from gateway.usage import made, read

#: What stands in a response as it was asked for, and what it is when it was not.
ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}
#: How items are called by what is in them.
PREFIXES = {"thought": "rs", "text": "msg", "refusal": "msg", "call": "fc"}
#: Why an answer is incomplete, by the engine's reason for its end.
CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


def echo(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for, as every response repeats it."""
    told = {
        name: usual if asked.get(name) is None else asked[name] for name, usual in ECHOED.items()
    }
    if asked.get("user") is not None:
        told["user"] = asked["user"]
    return {
        **told,
        "model": asked["model"],
        "background": False,
        "previous_response_id": None,
        "service_tier": "default",
        "store": False,
        "text": {"format": {"type": "text"}, **(asked.get("text") or {})},
        "tools": [
            {"parameters": None, "strict": None, **tool} for tool in asked.get("tools") or []
        ],
    }


def item_id(block: Block, id_: str) -> str:
    """Return what an item is called: the same in every event that tells of it."""
    return f"{PREFIXES[block.kind]}_{id_}{block.place:02x}"


def opened(block: Block, id_: str) -> dict[str, Any]:
    """Return an item with nothing in it yet."""
    facts = {"id": item_id(block, id_), "status": "in_progress"}
    if block.kind == "call":
        call_id = block.id or f"call_{id_}{block.place:02x}"
        call = {"type": "function_call", "call_id": call_id, "name": block.name, "arguments": ""}
        return {**facts, **call}
    if block.kind == "thought":
        return {**facts, "type": "reasoning", "summary": [], "content": []}
    return {**facts, "type": "message", "role": "assistant", "content": []}


def item(block: Block, id_: str, status: str) -> dict[str, Any]:
    """Return an item with all that was said."""
    filled: dict[str, Any] = (
        {"arguments": block.text} if block.kind == "call" else {"content": [part(block)]}
    )
    return {**opened(block, id_), **filled, "status": status}


def part(block: Block, *, is_empty: bool = False) -> dict[str, Any]:
    """Return what an item that is no call contains."""
    said = "" if is_empty else block.text
    if block.kind == "refusal":
        return {"type": "refusal", "refusal": said}
    if block.kind == "thought":
        return {"type": "reasoning_text", "text": said}
    logprobs = [] if is_empty else block.logprobs
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": logprobs}


def total(block: Block) -> dict[str, Any]:
    """Return what the event says that ends a block's deltas."""
    if block.kind == "call":
        return {"name": block.name, "arguments": block.text}
    if block.kind == "refusal":
        return {"refusal": block.text}
    return {"text": block.text, **({"logprobs": block.logprobs} if block.kind == "text" else {})}


def output(turn: Turn, id_: str, status: str) -> list[dict[str, Any]]:
    """Return all items; only the last can be incomplete."""
    last = len(turn.blocks) - 1
    ends = ["completed"] * last + ["completed" if status == "completed" else "incomplete"]
    return [item(block, id_, end) for block, end in zip(turn.blocks, ends, strict=False)]


def usage(parts: Parts) -> dict[str, Any]:
    """Return what is billed."""
    sent, written = read(parts), made(parts)
    return {
        "input_tokens": sent,
        "input_tokens_details": {
            "cached_tokens": parts.get("cached_input", 0),
            "cache_write_tokens": parts.get("cache_write", 0),
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": parts.get("reasoning", 0)},
        "total_tokens": sent + written,
    }
