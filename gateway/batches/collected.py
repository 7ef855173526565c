"""An exchange without a client: the answer is collected, to be kept with what it cost."""

from collections.abc import Mapping

from gateway.errors import GatewayError
from gateway.exchange import JSON, Exchange


class Collected(Exchange):
    """One line's call; nobody waits at the other end, so nobody goes away."""

    is_waited_for = False

    def __init__(self, request_id: str, path: str) -> None:
        self._begin("POST", path, {}, "")
        self.id = request_id
        self.notes = {"x-request-id": request_id}
        self.status = 0
        self.content = b""

    def watch(self) -> None:
        """Nobody can leave."""

    def unwatch(self) -> None:
        """Nobody was watched."""

    async def start(self, status: int, media: str, headers: Mapping[str, str]) -> None:
        """Note how the answer begins."""
        self.started = True
        self.status = status

    async def write(self, data: bytes, *, more: bool) -> None:
        """Keep a part of the body."""
        self.content += data

    async def answer(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep a whole answer."""
        await self.start(status, JSON, headers or {})
        await self.write(body, more=False)

    async def refuse(self, error: GatewayError) -> None:
        """Keep a refusal."""
        self.started = False
        self.content = b""
        await self.answer(error.status, self.envelope(error, self.id))
