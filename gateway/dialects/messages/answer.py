"""Answers of ``/v1/messages``: whole, or as typed events."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from gateway.dialects.base import Parts, sse
from gateway.dialects.messages import request
from gateway.dialects.turn import Block, Step, Turn
from gateway.errors import GatewayError
from gateway.usage import NOTHING, made, read

REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Messages:
    """One request to ``/v1/messages``."""

    def __init__(self, body: dict[str, Any], request_id: str) -> None:
        self.body = request.chat(body)
        self._model = body["model"]
        self._id = request_id.removeprefix("req_")
        self._turn = Turn()
        self._has_begun = False

    def whole(self, data: bytes, parts: Parts) -> bytes:
        """Return the whole message."""
        for _step in self._turn.feed(data):
            pass
        content = [{**self._block(block), **_said(block)} for block in self._turn.blocks]
        message = {**self._message(parts), "content": content, **self._stop()}
        return msgspec.json.encode(message)

    def events(self, event: bytes) -> bytes:
        """Return the events of what an engine's event adds."""
        told = self._told(self._turn.read(event))
        if self._has_begun:
            return told
        self._has_begun = True
        # Nothing is known of it when a stream begins; its end says what is billed.
        message = self._message(NOTHING.parts)
        return sse("message_start", {"type": "message_start", "message": message}) + told

    def end(self, parts: Parts, error: GatewayError | None) -> bytes:
        """Return the end of what is open, and why it ends with what is billed."""
        ends = self._told(self._turn.close())
        if error:
            return ends + b"event: error\ndata: " + envelope(error, f"req_{self._id}") + b"\n\n"
        delta = {"type": "message_delta", "delta": self._stop(), "usage": _usage(parts)}
        return ends + sse("message_delta", delta) + sse("message_stop", {"type": "message_stop"})

    def _message(self, parts: Parts) -> dict[str, Any]:
        return {
            "id": f"msg_{self._id}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**_usage(parts), "service_tier": "standard"},
        }

    def _stop(self) -> dict[str, Any]:
        turn = self._turn
        reason = REASONS.get(turn.finish or "stop", "end_turn")
        if reason == "end_turn" and any(block.kind == "call" for block in turn.blocks):
            reason = "tool_use"
        if reason == "end_turn" and turn.stopped_at is not None:
            reason = "stop_sequence"
        sequence = turn.stopped_at if reason == "stop_sequence" else None
        return {"stop_reason": reason, "stop_sequence": sequence}

    def _told(self, steps: Iterable[Step]) -> bytes:
        return b"".join(event for step in steps for event in TOLD[step.act](self, step))

    def opened(self, step: Step) -> Iterator[bytes]:
        """Yield how a block begins."""
        yield _event("content_block_start", step.block, content_block=self._block(step.block))

    def added(self, step: Step) -> Iterator[bytes]:
        """Yield what is said."""
        yield _event("content_block_delta", step.block, delta=_delta(step))

    def closed(self, step: Step) -> Iterator[bytes]:
        """Yield how a block ends."""
        yield _event("content_block_stop", step.block)

    def _block(self, block: Block) -> dict[str, Any]:
        if block.kind == "call":
            id_ = block.id or f"toolu_{self._id}{block.place:02x}"
            return {"type": "tool_use", "id": id_, "name": block.name, "input": {}}
        if block.kind == "thought":
            # Nobody signs thoughts here: they are given back as they are.
            return {"type": "thinking", "thinking": "", "signature": ""}
        return {"type": "text", "text": "", "citations": None}


TOLD: dict[str, Callable[[Messages, Step], Iterator[bytes]]] = {
    "open": Messages.opened,
    "add": Messages.added,
    "close": Messages.closed,
}


def _event(name: str, block: Block, **facts: Any) -> bytes:
    return sse(name, {"type": name, "index": block.place, **facts})


def _said(block: Block) -> dict[str, Any]:
    if block.kind == "call":
        return {"input": _input(block.text)}
    return {"thinking" if block.kind == "thought" else "text": block.text}


def _delta(step: Step) -> dict[str, Any]:
    if step.block.kind == "call":
        return {"type": "input_json_delta", "partial_json": step.text}
    if step.block.kind == "thought":
        return {"type": "thinking_delta", "thinking": step.text}
    return {"type": "text_delta", "text": step.text}


def _input(arguments: str) -> dict[str, Any]:
    """Return a call's arguments; cut off or no object, they are told as the text they are."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {"arguments": arguments}


def _usage(parts: Parts) -> dict[str, Any]:
    cached, written = parts.get("cached_input", 0), parts.get("cache_write", 0)
    return {
        # Here what the cache gave and got stands beside the input, and all else within it.
        "input_tokens": read(parts) - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": made(parts),
        "output_tokens_details": {"thinking_tokens": parts.get("reasoning", 0)},
    }


def envelope(error: GatewayError, request_id: str) -> bytes:
    """Return Anthropic's envelope."""
    kind = KINDS.get(error.status, "api_error" if error.status >= 500 else KINDS[400])
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {"type": kind, "message": error.message},
            "request_id": request_id,
        }
    )
