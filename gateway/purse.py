"""Credit that this process holds for one organization and class of models, taken in leases.

Requests reserve from the purse without touching the database; the purse is filled from the wallet
when it runs low and given back when idle. What is reserved is never given away, so the wallet
cannot fall below zero whatever happens elsewhere.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import msgspec

from billing.burning import BurnKey, Split
from billing.funds import LeasedGrant
from gateway import worth
from gateway.allowances import Allowance
from gateway.worth import NO_MEDIA, TOKENS, ZERO, Media, Need, Rates, Slice

#: A lease is sized for so many requests like the present one at most, as traffic shows they come:
#: at a high rate its transaction would cost more than anything else done for a request.
MOST_AHEAD = 512
#: The same for so many seconds after others asked for what lay here, or the wallet had too little:
#: who takes for many then takes what others need, and is asked for it at once.
SCARCE_AHEAD, SCARCE_FOR = 32, 10.0
#: Traffic is counted over this many seconds.
RECENT = 1.0
#: From so many requests a second on, more is fetched before there is too little: when the one slice
#: that is left pays for fewer than so many like the present one. Every few requests we look.
BUSY, LOW, LOOK = 8, 16, 4
#: What has just begun to come comes on: so many times what came is leased, unless credit is scarce.
GROWTH = 4
Key = tuple[UUID, UUID | None, str]
#: What other processes hold.
Held = Mapping[str, Decimal]


class Reservation(msgspec.Struct):
    """What one request has reserved, to be settled once by its real worth."""

    purse: "Purse"
    slices: list[Slice]
    #: Tokens that each choice of the answer may have.
    cap: int
    lowered: bool
    #: The budgets it was admitted on, and what is set aside of each.
    allowances: Sequence[Allowance] = ()
    allowed: Decimal = ZERO

    @property
    def windows(self) -> list[UUID]:
        """Return the windows of these budgets."""
        if not self.allowances:
            return []
        return [each.window_id for each in self.allowances if each.window_id is not None]


class Ask(msgspec.Struct, frozen=True):
    """The worst case of a request: ``cap`` tokens a choice wished for, ``least`` still useful."""

    rates: Rates
    prompt: int
    cap: int
    least: int
    choices: int
    #: The hard budgets that must allow it too.
    allowances: Sequence[Allowance] = ()
    #: What of the prompt can be pictures and sounds.
    media: Media = NO_MEDIA

    def worst(self, cap: int) -> Need:
        """Return what it costs at most with this cap."""
        return self.rates.worst(self.prompt, cap * self.choices, self.media)

    def is_allowed(self, need: Need) -> bool:
        """Tell whether this process holds so much of every budget."""
        return all(each.allows(need.money) for each in self.allowances)

    def refused_by(self) -> Allowance | None:
        """Return a budget of which not even the least that is useful can be had."""
        least = self.worst(self.least).money
        return next((each for each in self.allowances if not each.allows(least)), None)

    def is_hopeless(self) -> bool:
        """Tell whether a budget was just found to be spent."""
        if not self.allowances:
            return False
        least = self.worst(self.least).money
        return any(each.is_spent(least) for each in self.allowances)


class Looked(msgspec.Struct, frozen=True):
    """What came of asking the wallet for more."""

    at: float
    #: Purse and budgets that have too little all the same: there was no more.
    short: Sequence["Purse | Allowance"] = ()
    #: What other processes hold then.
    held: Held = {}

    @property
    def is_true_still(self) -> bool:
        """Tell whether nothing of these was given away since."""
        return all(each.emptied_at < self.at for each in self.short)


class Purse:
    """The slices this process holds, in burn order."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.slices: list[Slice] = []
        self.lock = asyncio.Lock()
        self.used_at = time.monotonic()
        #: When the wallet was last found to have no more than this.
        self.dry_at = 0.0
        #: When what was free here last went back; then the wallet has more again.
        self.emptied_at = 0.0
        #: Requests that wait for the purse to be filled, and moves that fill it.
        self.asking = 0
        #: The latest of these moves; whoever began it may have given up.
        self.filling: asyncio.Future[Looked] | None = None
        #: What requests have reserved and not settled.
        self.outstanding: dict[int, Reservation] = {}
        #: When there was last too little for all who want some.
        self.scarce_at = -SCARCE_FOR
        #: Requests since we began to count anew, and in the while before.
        self._recent = self._earlier = 0
        self._counted_at = self.used_at

    def reserve(self, ask: Ask) -> Reservation | None:
        """Set the whole worst case aside, or nothing."""
        return self._reserve(ask, ask.cap)

    def reserve_less(self, ask: Ask) -> Reservation | None:
        """Set aside the most that the purse can pay, if that is still useful."""
        low, high = ask.least, ask.cap - 1
        if low > high or not self.pays(ask, low):
            return None
        while low < high:
            middle = (low + high + 1) // 2
            if self.pays(ask, middle):
                low = middle
            else:
                high = middle - 1
        return self._reserve(ask, low)

    def pays(self, ask: Ask, cap: int) -> bool:
        """Tell whether budgets allow it with this cap and the free slices pay for it."""
        worst = ask.worst(cap)
        return ask.is_allowed(worst) and self.covers(worst)

    def covers(self, need: Need) -> bool:
        """Tell whether the free slices pay for all of it."""
        return worth.split(need, self.slices).uncovered <= 0

    def _reserve(self, ask: Ask, cap: int) -> Reservation | None:
        worst = ask.worst(cap)
        if ask.allowances and not ask.is_allowed(worst):
            return None
        taken = self._take(worst)
        if taken is None:
            return None
        self._count()
        held = [each for each in ask.allowances if each.reserve(worst.money)]
        reservation = Reservation(
            self, taken, cap, cap < ask.cap, allowances=held, allowed=worst.money
        )
        self.outstanding[id(reservation)] = reservation
        return reservation

    def _take(self, need: Need) -> list[Slice] | None:
        """Take out of the free slices what pays for all of it, or nothing."""
        paid = worth.split(need, self.slices)
        if paid.uncovered > 0:
            return None
        # By number: an id's own hash and comparison cost more than all else here.
        known = {each.grant_id.int: each for each in self.slices}
        taken = []
        for each in paid.allocations:
            of, quantity = known[each.grant_id.int], each.quantity
            of.quantity -= quantity
            taken.append(Slice(of.grant_id, of.unit, quantity, of.rank))
        self.slices = [each for each in self.slices if each.quantity > 0]
        return taken

    def _count(self) -> None:
        self.used_at = now = time.monotonic()
        passed = now - self._counted_at
        if passed > RECENT:
            self._earlier = self._recent if passed < 2 * RECENT else 0
            self._recent, self._counted_at = 0, now
        self._recent += 1

    @property
    def ahead(self) -> int:
        """Return for how many requests the next lease should last: those of about a second."""
        if time.monotonic() - self.scarce_at < SCARCE_FOR:
            return max(1, min(SCARCE_AHEAD, self._recent))
        return max(1, min(MOST_AHEAD, max(GROWTH * self._recent, self._earlier)))

    def wants_more(self, ask: Ask) -> bool:
        """Tell whether to fetch more now, while nobody waits for it and others do not need it."""
        if self._recent % LOOK or self._recent + self._earlier < BUSY or ask.allowances:
            return False
        return time.monotonic() - self.scarce_at >= SCARCE_FOR and self.runs_low(ask)

    def runs_low(self, ask: Ask) -> bool:
        """Tell whether it pays for few more requests like this one."""
        if len(self.slices) > 1:
            return False
        return not self.slices or self.slices[0].pays_less_than(ask.worst(ask.cap), LOW)

    def settle(self, reservation: Reservation, need: Need) -> Split:
        """Return what each slice pays of the real worth; the rest is free again."""
        rest, reservation.slices = reservation.slices, []
        paid = worth.split(need, rest)
        spent = {each.grant_id.int: each.quantity for each in paid.allocations}
        for each in rest:
            each.quantity -= spent.get(each.grant_id.int, ZERO)
        for allowance in reservation.allowances:
            allowance.settle(reservation.allowed, need.money)
        reservation.allowances = ()
        self.outstanding.pop(id(reservation), None)
        self.add(rest)
        return paid

    def add(self, slices: list[Slice]) -> None:
        """Take slices in: what belongs to a grant already here joins it, all in burn order."""
        known = {each.grant_id.int: each for each in self.slices}
        new = []
        for each in slices:
            if (held := known.get(each.grant_id.int)) is not None:
                held.quantity += each.quantity
            elif each.quantity > 0:
                new.append(each)
        if new:
            self.slices += new
            self.slices.sort(key=_rank)

    def take_all(self) -> list[LeasedGrant]:
        """Empty the purse of what is free."""
        # What is asked back is not taken again for many at once.
        slices, self.slices, self._recent, self._earlier = self.slices, [], 0, 0
        self.emptied_at = time.monotonic()
        return [LeasedGrant(each.grant_id, each.unit, each.quantity, each.rank) for each in slices]

    def holds(self) -> Iterator[Slice]:
        """Yield what is free here and what is reserved."""
        yield from self.slices
        for reservation in self.outstanding.values():
            yield from reservation.slices


def _rank(held: Slice) -> tuple[bool, BurnKey | tuple[()]]:
    return held.unit != TOKENS, held.rank or ()
