"""How a starving gateway asks the others for the credit they hold idle: one Redis channel."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import redis.asyncio as redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "gateway:recall"
#: Where each process hears that what it asked for was done.
ANSWERS = "gateway:recall:answers:"
RETRY = 1.0
#: So long the slowest process is waited for.
PATIENCE = 2.0

#: What is done when another process asks for an organization's credit.
Answer = Callable[[UUID], Awaitable[object]]


class Recalls:
    """Publishes and answers recalls; without Redis idle leases still come back by themselves."""

    def __init__(
        self, client: "redis.Redis", process_id: str, listening: "redis.Redis | None" = None
    ) -> None:
        self._redis = client
        self._listening = listening or client
        self._process_id = process_id
        self._numbers = itertools.count()
        self._asked: dict[bytes, _Asked] = {}

    async def ask(self, organization_id: UUID) -> bool:
        """Ask all others, and wait until each has given back; True when at least one hears it.

        How long they take depends on what else the machine does: a fixed pause would find the wallet
        dry while the money is on its way.
        """
        number, asked = str(next(self._numbers)), _Asked()
        self._asked[number.encode()] = asked
        try:
            message = f"{self._process_id} {organization_id} {number}"
            # We listen ourselves.
            others = int(await self._redis.publish(CHANNEL, message)) - 1
            if others > 0:
                await asked.answered(others)
            return others > 0
        except (RedisError, OSError, TimeoutError):
            return False
        finally:
            del self._asked[number.encode()]

    async def listen(self, answer: Answer) -> None:
        """Answer the recalls of others for ever."""
        while True:
            try:
                await self._listen(answer)
            except (RedisError, OSError, TimeoutError) as error:
                logger.info("recalls are not heard: %s", error)
                await asyncio.sleep(RETRY)

    async def _listen(self, answer: Answer) -> None:
        own = ANSWERS + self._process_id
        async with self._listening.pubsub() as channel:
            await channel.subscribe(CHANNEL, own)
            async for message in channel.listen():
                if message["type"] != "message":
                    continue
                if message["channel"] == own.encode():
                    self._hear(message["data"])
                    continue
                sender, organization, number = _read(message["data"])
                if organization is not None and sender != self._process_id:
                    await answer(organization)
                    await self._redis.publish(ANSWERS + sender, number)

    def _hear(self, number: bytes) -> None:
        if asked := self._asked.get(number):
            asked.count()


class _Asked:
    """One recall, and how many have answered it: some before we know how many there are."""

    def __init__(self) -> None:
        self._missing = 0
        self._news = asyncio.Event()

    def count(self) -> None:
        """One more has answered."""
        self._missing -= 1
        self._news.set()

    async def answered(self, others: int) -> None:
        """Wait until all have, or until patience ends."""
        self._missing += others
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._missing > 0:
                    self._news.clear()
                    await self._news.wait()


def _read(message: bytes) -> tuple[str, UUID | None, str]:
    """Return who asks for whose credit, and under which number; nobody's where it is not ours."""
    sender, _space, rest = message.decode("ascii", "replace").partition(" ")
    organization, _space, number = rest.partition(" ")
    try:
        return sender, UUID(organization), number
    except ValueError:
        logger.warning("a recall that cannot be read")
        return sender, None, number
