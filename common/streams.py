"""Long answers piece by piece, also where an event loop serves them."""

from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

Piece = TypeVar("Piece", str, bytes)


def served(request: HttpRequest, pieces: Iterator[Piece]) -> Iterator[Piece] | AsyncIterator[Piece]:
    """Return the pieces as whoever serves the request takes them."""
    return _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces


async def _in_threads(pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """Yield the pieces to an event loop, which must not wait for the database itself."""
    while (piece := await sync_to_async(_following)(pieces)) is not None:
        yield piece


def _following(pieces: Iterator[Piece]) -> Piece | None:
    return next(pieces, None)
