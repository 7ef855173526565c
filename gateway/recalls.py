"""How a starving gateway asks the others for the credit they hold idle: one Redis channel."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

import redis.asyncio as redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "gateway:recall"
RETRY = 1.0

#: What is done when another process asks for an organization's credit.
Answer = Callable[[UUID], Awaitable[object]]


class Recalls:
    """Publishes and answers recalls; without Redis idle leases still come back by themselves."""

    def __init__(self, client: "redis.Redis", process_id: str) -> None:
        self._redis = client
        self._process_id = process_id

    async def ask(self, organization_id: UUID) -> bool:
        """Ask all others; True when at least one of them hears it."""
        try:
            heard = await self._redis.publish(CHANNEL, f"{self._process_id} {organization_id}")
        except (RedisError, OSError, TimeoutError):
            return False
        # We listen ourselves.
        return int(heard) > 1

    async def listen(self, answer: Answer) -> None:
        """Answer the recalls of others for ever."""
        while True:
            try:
                await self._listen(answer)
            except (RedisError, OSError, TimeoutError) as error:
                logger.info("recalls are not heard: %s", error)
                await asyncio.sleep(RETRY)

    async def _listen(self, answer: Answer) -> None:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            async for message in channel.listen():
                if message["type"] != "message":
                    continue
                sender, organization = _read(message["data"])
                if organization is not None and sender != self._process_id:
                    await answer(organization)


def _read(message: bytes) -> tuple[str, UUID | None]:
    """Return who asks for whose credit; nobody's where the message is none of ours."""
    sender, _space, organization = message.decode("ascii", "replace").partition(" ")
    try:
        return sender, UUID(organization)
    except ValueError:
        logger.warning("a recall that cannot be read")
        return sender, None
