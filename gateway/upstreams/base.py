"""The door to engines: what the gateway asks of one, and what it gets back."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec


class Patience(msgspec.Struct, frozen=True):
    """How many seconds an engine may take to connect, to begin its answer, and to go on with it."""

    connect: float = 5.0
    #: From the request to the first byte of the answer's body: a long prompt is read in it.
    first_byte: float = 120.0
    #: Silence between two parts of the answer.
    idle: float = 120.0


USUAL = Patience()
NOTHING: Mapping[str, str] = {}


class UpstreamError(Exception):
    """The engine did not answer in a usable way; ``reached`` tells whether it took the request."""

    def __init__(self, message: str, *, reached: bool) -> None:
        super().__init__(message)
        self.reached = reached


class Answer(Protocol):
    """An engine's answer, read as it comes."""

    status: int

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the body as it arrives; raises UpstreamError when it breaks off or falls silent."""
        ...

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises UpstreamError when it breaks off or passes the limit."""
        ...

    def close(self) -> None:
        """Stop: the engine sees the connection end unless the answer was read to its end."""
        ...


class Upstream(Protocol):
    """Engines, reached by address."""

    async def post(
        self,
        base_url: str,
        credential: str,
        path: str,
        body: bytes,
        patience: Patience = USUAL,
        headers: Mapping[str, str] = NOTHING,
    ) -> Answer:
        """Send the body; returns once the head of the answer and a first part of its body are there.

        Until then another engine may be asked, so an answer that does not begin, or ends before it
        has, raises UpstreamError. An error never holds the credential.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
