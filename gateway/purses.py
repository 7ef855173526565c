"""All purses of this process: filled from the wallet, gathered from others, given back when idle."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from billing import funds
from billing.funds import LeasedBudget, LeasedGrant, Settled, Wish
from gateway import worth
from gateway.allowances import Allowance, Allowances
from gateway.errors import CreditUnclear
from gateway.metrics import METRICS
from gateway.moves import Moves
from gateway.purse import Ask, Key, Looked, Purse, Reservation
from gateway.recalls import NOTHING, Recalled
from gateway.worth import ZERO, Slice

#: A purse that reserved nothing for so long is given back.
IDLE = 3.0
#: While credit still moves between processes it is gathered anew, after pauses of so many seconds.
PAUSES = (0.01, 0.02, 0.04, 0.08, 0.16)
#: No request waits longer for credit: then PostgreSQL is there and does not answer.
LONGEST = 6.0


class Others(Protocol):
    """The other processes, which may hold some of an organization's credit."""

    async def ask(self, organization_id: UUID, holders: Collection[str]) -> Recalled:
        """Ask those that hold some for what is idle."""
        ...

    def turn(self, organization_id: UUID) -> AbstractAsyncContextManager[None]:
        """Let nobody else gather meanwhile."""
        ...


class Nobody:
    """No other processes that could be asked: what they hold comes back when it comes."""

    async def ask(self, organization_id: UUID, holders: Collection[str]) -> Recalled:
        """Ask nobody."""
        return Recalled(moved=False, complete=not holders)

    def turn(self, organization_id: UUID) -> AbstractAsyncContextManager[None]:
        """Be alone."""
        return nullcontext()


class Purses:
    """All purses of this process."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], process_id: str, others: Others | None = None
    ) -> None:
        self._pool = pool
        self._process_id = process_id
        self._others = others or Nobody()
        self._purses: dict[Key, Purse] = {}
        self.allowances = Allowances()
        self._moves = Moves()
        self._moving = 0
        self._strays = False
        #: Clear while strays are being returned.
        self._settled = asyncio.Event()
        self._settled.set()

    def reserve_at_once(self, key: Key, ask: Ask) -> Reservation | None:
        """Reserve the whole worst case from what is held here, or nothing."""
        purse = self._purses.get(key)
        if purse is None:
            return None
        found = purse.reserve(ask)
        if found is not None and purse.wants_more(ask):
            self._fill_ahead(purse, ask)
        return found

    def _fill_ahead(self, purse: Purse, ask: Ask) -> None:
        """Begin to take the next lease, so that no request need wait for it."""
        if purse.filling is None or purse.filling.done():
            taking = self._take(purse, ask, purse.ahead, in_time=True)
            purse.filling = self._moves.begin(purse.key[0], taking)

    async def reserve(self, key: Key, ask: Ask) -> Reservation | None:
        """Reserve the worst case, lowered to what can be paid; None when that is of no use.

        Where a budget is the reason, ``ask.refused_by()`` names it.

        Nothing is refused while the money lies idle elsewhere: other purses are asked to give
        theirs back, and the wallet is looked at again for as long as any comes. Where it cannot be
        known, CreditUnclear is raised; where PostgreSQL does not answer, TimeoutError.
        """
        purse = self._purses.get(key)
        if purse is None:
            purse = self._purses[key] = Purse(key)
        if found := purse.reserve(ask):
            return found
        if ask.is_hopeless():
            return None
        with _awaited(purse, *ask.allowances):
            async with asyncio.timeout(LONGEST):
                return await self._filled(purse, ask)

    async def _filled(self, purse: Purse, ask: Ask) -> Reservation | None:
        arrived = time.monotonic()
        async with purse.lock:
            # Who waited while the wallet was found dry need not look again.
            is_clear = True
            if not _is_dry(_lacking(purse, ask), arrived):
                looked = await self._fill(purse, ask, purse.ahead)
                if not purse.pays(ask, ask.cap) and not ask.is_hopeless():
                    is_clear = await self._gather(purse, ask, looked)
            found = purse.reserve(ask) or purse.reserve_less(ask)
            if found is None and not is_clear:
                raise CreditUnclear("Credit is on its way between gateways. Try again in a moment.")
            return found

    async def _gather(self, purse: Purse, ask: Ask, looked: Looked) -> bool:
        """Ask all who hold this organization's credit for what is idle, and take that.

        Returns whether it is clear that this is all there is: whoever holds some has given back what
        is idle, again and again until nothing moved any more, or only what others need in turn.
        """
        METRICS.recalls_asked += 1
        async with self._others.turn(purse.key[0]) if looked.held else nullcontext():
            return await self._gather_all(purse, ask, looked)

    async def _gather_all(self, purse: Purse, ask: Ask, looked: Looked) -> bool:
        organization_id, pauses = purse.key[0], list(PAUSES)
        while True:
            held, others = looked.held, NOTHING
            ours = await self.give_back(organization_id, keep=purse)
            if held:
                others = await self._others.ask(organization_id, held)
            looked = await self._fill(purse, ask, 1)
            if purse.pays(ask, ask.cap):
                return True
            is_still = not ours and not others.moved and looked.held == held
            if not pauses or (looked.short and is_still):
                break
            await asyncio.sleep(pauses.pop(0))
        if looked.short and others.complete and is_still:
            for each in looked.short:
                # So that those who wait need not look.
                each.dry_at = looked.at
        return others.complete and looked.is_true_still

    async def _fill(self, purse: Purse, ask: Ask, ahead: int) -> Looked:
        """Take a lease for so many requests like this one, or for what the wallet still has."""
        if purse.filling is not None and not purse.filling.done():
            looked = await asyncio.shield(purse.filling)
            if purse.pays(ask, ask.cap):
                return looked
        purse.filling = self._moves.begin(purse.key[0], self._take(purse, ask, ahead))
        return await asyncio.shield(purse.filling)

    async def _take(self, purse: Purse, ask: Ask, ahead: int, *, in_time: bool = False) -> Looked:
        worst = ask.worst(ask.cap)
        # Of what there is enough, nothing is fetched, unless it is fetched before it runs out.
        asked = [purse] if in_time else _lacking(purse, ask)
        credit = worst if purse in asked else worth.Need(ZERO, ZERO)
        short = [each for each in asked if isinstance(each, Allowance)]
        organization_id, token_class_id, currency = purse.key
        METRICS.leases += 1
        with _awaited(purse, *asked):
            async with self._moved() as connection:
                leased = await funds.take_within(
                    connection,
                    process_id=self._process_id,
                    organization_id=organization_id,
                    token_class_id=token_class_id,
                    currency=currency,
                    money_needed=credit.money * ahead,
                    tokens_needed=credit.tokens * ahead,
                    wishes=[Wish(each.terms.id, each.span, worst.money * ahead) for each in short],
                )
            purse.add(_slices(leased.grants))
            _take_in(short, leased.budgets)
        # Judged at once: before anybody reads this, others may have asked for what came.
        lacking = [each for each in _lacking(purse, ask) if each in asked]
        now = time.monotonic()
        if leased.elsewhere or (in_time and purse.runs_low(ask)):
            purse.scarce_at = now
        return Looked(now, lacking, leased.elsewhere)

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
        """Return the free part of this organization's purses, or of all; how many purses it was.

        What is on its way in, for more than one request perhaps, or back, is waited for.
        """
        returned = await self._give_back(organization_id, keep)
        if moves := self._moves.of(organization_id):
            await asyncio.wait(moves)
            returned += len(moves) + await self._give_back(organization_id, keep)
        return returned

    async def _give_back(self, organization_id: UUID | None, keep: Purse | None) -> int:
        purses = [
            purse
            for purse in self._purses.values()
            if purse is not keep and organization_id in (None, purse.key[0])
        ]
        returned = 0
        for purse in purses:
            purse.scarce_at = time.monotonic()
            returned += await self._empty(purse)
        if keep is None:
            held = [it for it in self.allowances if organization_id in (None, it.organization_id)]
            returned += await self._return(held)
        return returned

    async def give_back_idle(self) -> None:
        """Return what has lain here unused."""
        before = time.monotonic() - IDLE
        for purse in [each for each in self._purses.values() if each.used_at < before]:
            await self._empty(purse)
            if not (purse.slices or purse.outstanding or purse.asking):
                self._purses.pop(purse.key, None)
        idle = [each for each in self.allowances if each.used_at < before]
        await self._return(idle)
        for each in idle:
            if not (each.free or each.reserved or each.asking):
                self.allowances.forget(each)

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
        """Return by grant, and by window of a budget, what is free, reserved or spent here."""
        known: defaultdict[UUID, Decimal] = defaultdict(Decimal)
        for purse in self._purses.values():
            for each in purse.holds():
                known[each.grant_id] += each.quantity
        for allowance in self.allowances:
            if allowance.window_id is not None:
                known[allowance.window_id] += allowance.free + allowance.reserved
        for settled in unrecorded:
            for allocation in settled.allocations:
                known[allocation.grant_id] += allocation.quantity
            for window_id in settled.budgets:
                known[window_id] += settled.amount
        return known

    async def _empty(self, purse: Purse) -> int:
        if not purse.slices:
            return 0
        return await self._moves.run(purse.key[0], self._pour_out(purse))

    async def _pour_out(self, purse: Purse) -> int:
        async with self._moved() as connection:
            # Emptied here and not before: while a move waits for its turn, strays are looked for.
            held = purse.take_all()
            await funds.give_back(connection, process_id=self._process_id, allocations=held)
        return 1

    async def _return(self, allowances: Iterable[Allowance]) -> int:
        """Return what is free of these budgets; how many it was."""
        held: defaultdict[UUID, list[Allowance]] = defaultdict(list)
        for each in allowances:
            if each.free:
                held[each.organization_id].append(each)
        for organization_id, these in held.items():
            await self._moves.run(organization_id, self._let_go(these))
        return sum(map(len, held.values()))

    async def _let_go(self, allowances: list[Allowance]) -> None:
        async with self._moved() as connection:
            free = {each.window_id: each.take_all() for each in allowances}
            windows = {window: quantity for window, quantity in free.items() if window is not None}
            await funds.give_back(connection, process_id=self._process_id, windows=windows)


@contextmanager
def _awaited(*filled: Purse | Allowance) -> Iterator[None]:
    """Keep what is being filled from being forgotten, also when nobody waits for it any more."""
    for each in filled:
        each.asking += 1
    try:
        yield
    finally:
        for each in filled:
            each.asking -= 1


def _take_in(short: Iterable[Allowance], leased: Iterable[LeasedBudget]) -> None:
    found = {(each.budget_id, each.starts_at): each for each in leased}
    for allowance in short:
        allowance.take_in(found.get((allowance.terms.id, allowance.span.starts_at)))


def _lacking(purse: Purse, ask: Ask) -> "list[Purse | Allowance]":
    """Return what has too little for the whole of this."""
    worst = ask.worst(ask.cap)
    lacking: list[Purse | Allowance] = [
        each for each in ask.allowances if not each.allows(worst.money)
    ]
    return lacking if purse.covers(worst) else [purse, *lacking]


def _is_dry(lacking: "Sequence[Purse | Allowance]", since: float) -> bool:
    """Tell whether somebody has found, since then, that there is no more of any of these."""
    return all(each.dry_at > max(since, each.emptied_at) for each in lacking)


def _slices(leased: Iterable[LeasedGrant]) -> list[Slice]:
    return [Slice(each.grant_id, each.unit, each.quantity, each.rank) for each in leased]
