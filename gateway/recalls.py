"""How a starving gateway asks the others for the credit they hold idle: one Redis channel."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import msgspec
import redis.asyncio as redis
from redis.exceptions import RedisError

from common.ids import uuid7

logger = logging.getLogger(__name__)

CHANNEL = "gateway:recall"
#: Where each process hears that what it asked for was done.
ANSWERS = "gateway:recall:answers:"
RETRY = 1.0
#: So long the slowest process is waited for.
PATIENCE = 2.0
#: Who gathers credit is alone in it for so long at most: it may be killed.
LONGEST_TURN = 5.0
#: So long others wait for their turn, and look about so often.
TURN_PATIENCE = 3.0
LOOK_EVERY = 0.02
LET_GO = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
TROUBLE = (RedisError, OSError, TimeoutError)

#: What is done when another process asks for an organization's credit; returns how much it was.
Answer = Callable[[UUID], Awaitable[int]]


class Recalled(msgspec.Struct, frozen=True):
    """What came of asking: whether any credit moved, and whether all who hold some have answered."""

    moved: bool
    complete: bool


NOTHING = Recalled(moved=False, complete=True)


class Recalls:
    """Publishes and answers recalls; without Redis idle leases still come back by themselves."""

    def __init__(
        self, client: "redis.Redis", process_id: str, listening: "redis.Redis | None" = None
    ) -> None:
        self._redis = client
        self._listening = listening or client
        self._process_id = process_id
        self._let_go = client.register_script(LET_GO)
        self._numbers = itertools.count()
        self._asked: dict[str, _Asked] = {}

    async def ask(self, organization_id: UUID, holders: Collection[str]) -> Recalled:
        """Ask all others, and wait until each of those that hold some has given back what is idle.

        How long they take depends on what else the machine does: a fixed pause would find the wallet
        dry while the money is on its way.
        """
        number, asked = str(next(self._numbers)), _Asked(holders)
        self._asked[number] = asked
        try:
            message = f"{self._process_id} {organization_id} {number}"
            if await self._redis.publish(CHANNEL, message):
                await asked.answered()
        except TROUBLE:
            # Who holds what can be asked for nowhere else.
            pass
        finally:
            del self._asked[number]
        return asked.outcome

    @asynccontextmanager
    async def turn(self, organization_id: UUID) -> AsyncIterator[None]:
        """Be the only one who gathers this organization's credit, as far as that can be had.

        Of several who take what they find from each other, none would ever have enough.
        """
        name, ours = f"gateway:gathering:{organization_id}", f"{self._process_id} {uuid7().hex}"
        is_ours = await self._await_turn(name, ours)
        try:
            yield
        finally:
            if is_ours:
                with suppress(*TROUBLE):
                    await self._let_go(keys=[name], args=[ours])

    async def _await_turn(self, name: str, ours: str) -> bool:
        deadline = time.monotonic() + TURN_PATIENCE
        with suppress(*TROUBLE):
            while not await self._redis.set(name, ours, nx=True, px=int(LONGEST_TURN * 1000)):
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(LOOK_EVERY)
            return True
        return False

    async def listen(self, answer: Answer) -> None:
        """Answer the recalls of others for ever."""
        while True:
            try:
                await self._listen(answer)
            except TROUBLE as error:
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
                    returned = await answer(organization)
                    told = f"{number} {self._process_id} {returned}"
                    await self._redis.publish(ANSWERS + sender, told)

    def _hear(self, message: bytes) -> None:
        number, process_id, returned = (*message.decode("ascii", "replace").split(" "), "", "")[:3]
        if asked := self._asked.get(number):
            asked.hear(process_id, moved=returned != "0")


class _Asked:
    """One recall, and who has answered it."""

    def __init__(self, holders: Collection[str]) -> None:
        self._silent = set(holders)
        self._moved = False
        self._all = asyncio.Event()

    @property
    def outcome(self) -> Recalled:
        """Return what is known by now."""
        return Recalled(self._moved, complete=not self._silent)

    def hear(self, process_id: str, *, moved: bool) -> None:
        """Note an answer."""
        self._moved = self._moved or moved
        self._silent.discard(process_id)
        if not self._silent:
            self._all.set()

    async def answered(self) -> None:
        """Wait until all have, or until patience ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._all.wait()


def _read(message: bytes) -> tuple[str, UUID | None, str]:
    """Return who asks for whose credit, and under which number; nobody's where it is not ours."""
    sender, _space, rest = message.decode("ascii", "replace").partition(" ")
    organization, _space, number = rest.partition(" ")
    try:
        return sender, UUID(organization), number
    except ValueError:
        logger.warning("a recall that cannot be read")
        return sender, None, number
