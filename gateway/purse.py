"""Credit that this process holds for one organization and class of models, taken in leases.

Requests reserve from the purse without touching the database; the purse is filled from the wallet
when it runs low and given back when idle. What is reserved is never given away, so the wallet
cannot fall below zero whatever happens elsewhere.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from billing import funds
from billing.burning import BurnKey, Split
from billing.funds import LeasedGrant, Settled
from gateway import worth
from gateway.worth import TOKENS, ZERO, Need, Rates, Slice

#: A lease is sized for so many requests like the present one, as traffic shows they come.
MOST_AHEAD = 32
#: Requests reserved within this many seconds count as the present traffic.
RECENT = 1.0
#: A purse that reserved nothing for so long is given back.
IDLE = 3.0
#: How long a request waits for others to give back what they hold idle.
PATIENCE = 0.2
#: After this pause the wallet is looked at again, then after twice as long, and so on.
TURN = 0.01

Key = tuple[UUID, UUID | None, str]


class Reservation(msgspec.Struct):
    """What one request has reserved, to be settled once by its real worth."""

    purse: "Purse"
    slices: list[Slice]
    #: Tokens that each choice of the answer may have.
    cap: int
    lowered: bool


class Ask(msgspec.Struct, frozen=True):
    """The worst case of a request: ``cap`` tokens a choice wished for, ``least`` still useful."""

    rates: Rates
    prompt: int
    cap: int
    least: int
    choices: int

    def worst(self, cap: int) -> Need:
        """Return what it costs at most with this cap."""
        return self.rates.worst(self.prompt, cap * self.choices)


class Purse:
    """The slices this process holds, in burn order."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.slices: list[Slice] = []
        self.lock = asyncio.Lock()
        self.used_at = time.monotonic()
        #: When the wallet was last found to have no more than this.
        self.dry_at = 0.0
        #: Requests that wait for the purse to be filled.
        self.asking = 0
        #: What requests have reserved and not settled.
        self.outstanding: dict[int, Reservation] = {}
        self._recent = 0
        self._counted_at = self.used_at

    def reserve(self, ask: Ask) -> Reservation | None:
        """Set the whole worst case aside, or nothing."""
        return self._reserve(ask, ask.cap)

    def reserve_less(self, ask: Ask) -> Reservation | None:
        """Set aside the most that the purse can pay, if that is still useful."""
        low, high = ask.least, ask.cap - 1
        if low > high or not self.covers(ask.worst(low)):
            return None
        while low < high:
            middle = (low + high + 1) // 2
            if self.covers(ask.worst(middle)):
                low = middle
            else:
                high = middle - 1
        return self._reserve(ask, low)

    def covers(self, need: Need) -> bool:
        """Tell whether the free slices pay for all of it."""
        return worth.split(need, self.slices).uncovered <= 0

    def _reserve(self, ask: Ask, cap: int) -> Reservation | None:
        paid = worth.split(ask.worst(cap), self.slices)
        if paid.uncovered > 0:
            return None
        self._count()
        known = {each.grant_id: each for each in self.slices}
        taken = [_part(known[each.grant_id], each.quantity) for each in paid.allocations]
        self._remove(taken)
        reservation = Reservation(self, taken, cap, lowered=cap < ask.cap)
        self.outstanding[id(reservation)] = reservation
        return reservation

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._counted_at > RECENT:
            self._recent, self._counted_at = 0, now
        self._recent += 1
        self.used_at = now

    @property
    def ahead(self) -> int:
        """Return for how many requests the next lease should last."""
        return max(1, min(MOST_AHEAD, self._recent))

    def _remove(self, taken: list[Slice]) -> None:
        quantities = {each.grant_id: each.quantity for each in taken}
        for each in self.slices:
            each.quantity -= quantities.pop(each.grant_id, ZERO)
        self.slices = [each for each in self.slices if each.quantity > 0]

    def settle(self, reservation: Reservation, need: Need) -> Split:
        """Return what each slice pays of the real worth; the rest is free again."""
        paid = worth.split(need, reservation.slices)
        spent = {each.grant_id: each.quantity for each in paid.allocations}
        rest = [
            _part(each, each.quantity - spent.get(each.grant_id, ZERO))
            for each in reservation.slices
        ]
        reservation.slices = []
        self.outstanding.pop(id(reservation), None)
        self.add(rest)
        return paid

    def add(self, slices: list[Slice]) -> None:
        """Take slices in: what belongs to a grant already here joins it, all in burn order."""
        known = {each.grant_id: each for each in self.slices}
        new = []
        for each in slices:
            if each.grant_id in known:
                known[each.grant_id].quantity += each.quantity
            elif each.quantity > 0:
                new.append(each)
        if new:
            self.slices += new
            self.slices.sort(key=_rank)

    def take_all(self) -> list[LeasedGrant]:
        """Empty the purse of what is free."""
        # What is asked back is not taken again for many at once.
        slices, self.slices, self._recent = self.slices, [], 0
        return [LeasedGrant(each.grant_id, each.unit, each.quantity, each.rank) for each in slices]

    def holds(self) -> Iterator[Slice]:
        """Yield what is free here and what is reserved."""
        yield from self.slices
        for reservation in self.outstanding.values():
            yield from reservation.slices


def _part(of: Slice, quantity: Decimal) -> Slice:
    return Slice(of.grant_id, of.unit, quantity, of.rank)


def _rank(held: Slice) -> tuple[bool, BurnKey | tuple[()]]:
    return held.unit != TOKENS, held.rank or ()


#: Asks the other processes; False when there are none.
Recall = Callable[[UUID], Awaitable[bool]]


class Purses:
    """All purses of this process."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], process_id: str, recall: Recall | None = None
    ) -> None:
        self._pool = pool
        self._process_id = process_id
        self._recall = recall
        self._purses: dict[Key, Purse] = {}
        self._moving = 0
        self._strays = False
        #: Clear while strays are being returned.
        self._settled = asyncio.Event()
        self._settled.set()

    async def reserve(self, key: Key, ask: Ask) -> Reservation | None:
        """Reserve the worst case, lowered to what can be paid; None when that is of no use.

        Nothing is refused while the money lies idle elsewhere: other purses are asked to give
        theirs back, and the wallet is looked at again until patience ends.
        """
        purse = self._purses.setdefault(key, Purse(key))
        if found := purse.reserve(ask):
            return found
        purse.asking += 1
        try:
            return await self._filled(purse, ask)
        finally:
            purse.asking -= 1

    async def _filled(self, purse: Purse, ask: Ask) -> Reservation | None:
        arrived = time.monotonic()
        async with purse.lock:
            # Who waited while the wallet was found dry need not look again.
            if purse.dry_at < arrived and not purse.covers(ask.worst(ask.cap)):
                await self._fill(purse, ask, purse.ahead)
                if not purse.covers(ask.worst(ask.cap)):
                    await self._gather(purse, ask)
            return purse.reserve(ask) or purse.reserve_less(ask)

    async def _gather(self, purse: Purse, ask: Ask) -> None:
        """Ask all who hold this organization's credit for what is idle, and take that."""
        organization_id = purse.key[0]
        ours = await self.give_back(organization_id, keep=purse)
        others = self._recall is not None and await self._recall(organization_id)
        deadline, turn = time.monotonic() + PATIENCE, TURN
        while ours or others:
            await self._fill(purse, ask, 1)
            if purse.covers(ask.worst(ask.cap)):
                return
            if not others or time.monotonic() > deadline:
                break
            await asyncio.sleep(turn)
            turn *= 2
        purse.dry_at = time.monotonic()

    async def _fill(self, purse: Purse, ask: Ask, ahead: int) -> None:
        """Take a lease for so many requests like this one, or for what the wallet still has."""
        worst = ask.worst(ask.cap)
        organization_id, token_class_id, currency = purse.key
        async with self._moved() as connection:
            leased = await funds.take(
                connection,
                process_id=self._process_id,
                organization_id=organization_id,
                token_class_id=token_class_id,
                currency=currency,
                money_needed=worst.money * ahead,
                tokens_needed=worst.tokens * ahead,
            )
        purse.add(_slices(leased))

    @asynccontextmanager
    async def _moved(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection to move credit; a move whose end is unknown leaves strays behind."""
        while not self._settled.is_set():
            await self._settled.wait()
        self._moving += 1
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout:
            # Nothing was begun.
            raise
        except BaseException:
            self._strays = True
            raise
        finally:
            self._moving -= 1

    async def give_back(
        self, organization_id: UUID | None = None, keep: Purse | None = None
    ) -> int:
        """Return the free part of this organization's purses, or of all; how many purses it was."""
        purses = [
            purse
            for purse in self._purses.values()
            if purse is not keep and organization_id in (None, purse.key[0])
        ]
        returned = 0
        for purse in purses:
            returned += await self._empty(purse)
        return returned

    async def give_back_idle(self) -> None:
        """Return what has lain here unused."""
        before = time.monotonic() - IDLE
        for purse in [each for each in self._purses.values() if each.used_at < before]:
            await self._empty(purse)
            if not (purse.slices or purse.outstanding or purse.asking):
                self._purses.pop(purse.key, None)

    async def reclaim_strays(self, unrecorded: Iterable[Settled]) -> None:
        """Return what the wallet shows as leased to this process and nothing here knows of.

        When the connection is lost in the middle of a move, nobody can say whether it happened:
        the purse then takes nothing in, and what the wallet shows beyond what is free, reserved or
        spent here is a stray. Nothing moves meanwhile; what is spent and recorded meanwhile makes
        the stray look smaller, never larger.
        """
        if not self._strays or self._moving:
            return
        self._settled.clear()
        try:
            async with self._pool.connection() as connection:
                known = self._known(unrecorded)
                await funds.reclaim(connection, process_id=self._process_id, known=known)
            self._strays = False
        finally:
            self._settled.set()

    def _known(self, unrecorded: Iterable[Settled]) -> dict[UUID, Decimal]:
        """Return by grant what is free, reserved or spent here."""
        known: defaultdict[UUID, Decimal] = defaultdict(Decimal)
        for purse in self._purses.values():
            for each in purse.holds():
                known[each.grant_id] += each.quantity
        for settled in unrecorded:
            for allocation in settled.allocations:
                known[allocation.grant_id] += allocation.quantity
        return known

    async def _empty(self, purse: Purse) -> int:
        if not purse.slices:
            return 0
        async with self._moved() as connection:
            # Emptied here and not before: while a move waits for its turn, strays are looked for.
            held = purse.take_all()
            await funds.give_back(connection, process_id=self._process_id, allocations=held)
        return 1


def _slices(leased: Iterable[LeasedGrant]) -> list[Slice]:
    return [Slice(each.grant_id, each.unit, each.quantity, each.rank) for each in leased]
