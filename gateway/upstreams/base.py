"""The door to engines: what the gateway asks of one, and what it gets back."""

from collections.abc import AsyncIterator
from typing import Protocol


class UpstreamError(Exception):
    """The engine did not answer in a usable way; ``reached`` tells whether it took the request."""

    def __init__(self, message: str, *, reached: bool) -> None:
        super().__init__(message)
        self.reached = reached


class Answer(Protocol):
    """An engine's answer, read as it comes."""

    status: int

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the body as it arrives; raises UpstreamError when it breaks off."""
        ...

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises UpstreamError when it breaks off or passes the limit."""
        ...

    def close(self) -> None:
        """Stop: the engine sees the connection end unless the answer was read to its end."""
        ...


class Upstream(Protocol):
    """Engines, reached by address."""

    async def post(self, base_url: str, credential: str, path: str, body: bytes) -> Answer:
        """Send the body; returns once the headers of the answer are there."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
