"""A request in another shape than the engines' own: told to them, and their answer told back.

Every engine has ``/chat/completions``; what else callers speak is translated to it here. Admission,
funds and measurement see the translated body alone.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.errors import GatewayError, InvalidRequest

T = TypeVar("T")

UNSUPPORTED = "unsupported_parameter"
#: The tokens of a request by their disjoint parts, as they are billed; one that is absent has none.
Parts = Mapping[str, int]


class Dialect(Protocol):
    """One request: what the engine is asked, and how its answer is told."""

    #: What the engine gets.
    body: dict[str, Any]

    def whole(self, data: bytes, parts: Parts) -> bytes:
        """Return the engine's whole answer as this caller reads it; raises UpstreamError."""
        ...

    def events(self, event: bytes) -> bytes:
        """Return the events that tell one event of the engine's; raises UpstreamError."""
        ...

    def end(self, parts: Parts, error: GatewayError | None) -> bytes:
        """Return the events that end a stream, with what is billed or with what went wrong."""
        ...


def sse(name: str, content: Mapping[str, Any]) -> bytes:
    """Return one server-sent event with its name."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(content))


def expect(value: Any, kind: type[T], place: str, wanted: str) -> T:
    """Return the value, or refuse what is of another kind."""
    if not isinstance(value, kind):
        raise wrong(place, wanted)
    return value


def text(value: Any, place: str) -> str:
    """Return a text, or refuse."""
    return expect(value, str, place, "a text")


def wrong(place: str, wanted: str) -> InvalidRequest:
    """Return the refusal of a value that is not what it must be."""
    return InvalidRequest(f"'{place}' must be {wanted}.", param=place)


def missing(place: str) -> InvalidRequest:
    """Return the refusal of a body without something it needs."""
    return InvalidRequest(
        f"The parameter '{place}' is missing.", param=place, code="missing_required_parameter"
    )


def unsupported(place: str, why: str = "") -> InvalidRequest:
    """Return the refusal of what is well formed, and cannot be honoured."""
    return InvalidRequest(
        f"'{place}' is not supported here. {why}".strip(),
        param=place,
        code=UNSUPPORTED,
    )


def refuse_all(body: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Refuse whichever of the parameters stands in the body with a value; each says why."""
    for name, why in names.items():
        if body.get(name) is not None:
            raise unsupported(name, why)
