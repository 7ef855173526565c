"""Answers of ``/v1/responses``: whole, or as typed events."""

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from gateway.dialects.base import UNSUPPORTED, Parts, sse
from gateway.dialects.responses import request, shape
from gateway.dialects.turn import Block, Step, Turn
from gateway.errors import GatewayError

#: How the events are called that tell what is in a block.
NAMES = {
    "thought": "response.reasoning_text",
    "text": "response.output_text",
    "refusal": "response.refusal",
    "call": "response.function_call_arguments",
}


class Responses:
    """One request to ``/v1/responses``."""

    def __init__(self, body: dict[str, Any], request_id: str) -> None:
        self.body = request.chat(body)
        self._echo = shape.echo(body)
        self._id = request_id.removeprefix("req_")
        self._created_at = int(time.time())
        self._turn = Turn()
        #: Of the next event.
        self._number = 0

    def whole(self, data: bytes, parts: Parts) -> bytes:
        """Return the whole response."""
        for _step in self._turn.feed(data):
            pass
        return msgspec.json.encode(self._response(self._status(), parts))

    def events(self, event: bytes) -> bytes:
        """Return the events of what an engine's event adds."""
        begun = b"" if self._number else self._beginning()
        return begun + self._told(self._turn.read(event), "completed")

    def end(self, parts: Parts, error: GatewayError | None) -> bytes:
        """Return the end of what is open, and the whole response with what is billed."""
        status = "failed" if error else self._status()
        item_status = "completed" if status == "completed" else "incomplete"
        ends = self._told(self._turn.close(), item_status)
        response = self._response(status, parts)
        if error:
            response["error"] = {"code": "server_error", "message": error.message}
        return ends + self._event(f"response.{status}", response=response)

    def _status(self) -> str:
        return "incomplete" if self._turn.finish in shape.CUT else "completed"

    def _response(self, status: str, parts: Parts | None) -> dict[str, Any]:
        """Return the response; without parts, as it begins."""
        incomplete = {"reason": shape.CUT.get(self._turn.finish or "")}
        is_over = parts is not None
        return {
            "id": f"resp_{self._id}",
            "object": "response",
            "created_at": self._created_at,
            "completed_at": int(time.time()) if status == "completed" else None,
            "status": status,
            "error": None,
            "incomplete_details": incomplete if status == "incomplete" else None,
            **self._echo,
            "output": shape.output(self._turn, self._id, status) if is_over else [],
            **({} if parts is None else {"usage": shape.usage(parts)}),
        }

    def _beginning(self) -> bytes:
        response = self._response("in_progress", None)
        created = self._event("response.created", response=response)
        return created + self._event("response.in_progress", response=response)

    def _told(self, steps: Iterable[Step], status: str) -> bytes:
        return b"".join(event for step in steps for event in TOLD[step.act](self, step, status))

    def opened(self, step: Step, status: str) -> Iterator[bytes]:
        """Yield how an item begins."""
        block = step.block
        item = shape.opened(block, self._id)
        yield self._event("response.output_item.added", output_index=block.place, item=item)
        if block.kind != "call":
            part = shape.part(block, is_empty=True)
            yield self._about(block, "response.content_part.added", part=part)

    def added(self, step: Step, status: str) -> Iterator[bytes]:
        """Yield what is said."""
        facts = {"logprobs": step.logprobs} if step.block.kind == "text" else {}
        yield self._about(step.block, NAMES[step.block.kind] + ".delta", delta=step.text, **facts)

    def closed(self, step: Step, status: str) -> Iterator[bytes]:
        """Yield how an item ends."""
        block = step.block
        yield self._about(block, NAMES[block.kind] + ".done", **shape.total(block))
        if block.kind != "call":
            yield self._about(block, "response.content_part.done", part=shape.part(block))
        item = shape.item(block, self._id, status)
        yield self._event("response.output_item.done", output_index=block.place, item=item)

    def _about(self, block: Block, event: str, /, **facts: Any) -> bytes:
        place = {"item_id": shape.item_id(block, self._id), "output_index": block.place}
        inside = {} if block.kind == "call" else {"content_index": 0}
        return self._event(event, **place, **inside, **facts)

    def _event(self, event: str, /, **facts: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        return sse(event, {"type": event, "sequence_number": number, **facts})


TOLD: dict[str, Callable[[Responses, Step, str], Iterator[bytes]]] = {
    "open": Responses.opened,
    "add": Responses.added,
    "close": Responses.closed,
}


def envelope(error: GatewayError, request_id: str) -> bytes:
    """Return OpenAI's envelope, in the names that the parameters have here."""
    told = copy.copy(error)
    if error.param in request.RENAMED and error.code != UNSUPPORTED:
        told.param = request.RENAMED[error.param]
        told.message = error.message.replace(f"'{error.param}'", f"'{told.param}'")
    return told.body()
