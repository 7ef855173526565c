"""CloudEvents 1.0 over HTTP, in its three forms: structured, a batch, and binary."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.request import Request

from common.api import BoundedJSONParser
from common.errors import DomainError

MOST_EVENTS = 1_000
LARGEST = 1_000_000
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
#: In binary form the attributes come as headers, and the body is ``data``.
ATTRIBUTES = ("specversion", "type", "source", "id", "time", "subject")


class BatchTooLarge(DomainError):
    """More than one request may bring."""

    code = "batch_too_large"
    status = 413
    detail = f"A batch has at most {MOST_EVENTS:,} events and {LARGEST:,} bytes. Send several."


class NotABatch(DomainError):
    """The body is not what its content type says."""

    code = "not_a_batch"
    detail = "A batch is a JSON list of events, with at least one in it."


class _Parser(BoundedJSONParser):
    """Reads JSON of a bounded size."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body says."""
        request: Request = (parser_context or {})["request"]
        if len(request._request.body) > LARGEST:
            raise BatchTooLarge
        return super().parse(stream, media_type, parser_context)

    def check(self, read: Any) -> None:
        """Refuse nothing: each event is looked at by itself, and one that is no text harms no other."""


class StructuredParser(_Parser):
    """One event."""

    media_type = STRUCTURED


class BatchParser(_Parser):
    """Several events."""

    media_type = BATCH


class BinaryParser(_Parser):
    """The data of one event."""

    media_type = "application/json"


PARSERS = (StructuredParser, BatchParser, BinaryParser)


def events(request: Request) -> list[Any]:
    """Return the events that a request brings, as JSON has them."""
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind == BATCH:
        return _batch(request.data)
    if kind == STRUCTURED:
        return [request.data]
    headers = {name: request.headers.get(f"ce-{name}") for name in ATTRIBUTES}
    return [{name: value for name, value in headers.items() if value} | {"data": request.data}]


def is_batch(request: Request) -> bool:
    """Whether the request brings a batch; a single event is answered by its own status."""
    return (request.content_type or "").lower().startswith(BATCH)


def _batch(body: Any) -> list[Any]:
    if not isinstance(body, list) or not body:
        raise NotABatch
    if len(body) > MOST_EVENTS:
        raise BatchTooLarge
    return body
