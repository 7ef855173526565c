"""How a worth is split over what pays for it. Plain Python, exact.

One request has two measures: its worth in money and its weighted tokens. A grant of tokens that
covers a share of the tokens leaves that share of the money to nobody; a grant of money pays what
is left. Whoever hands in the grants puts them in burn order (:func:`burn_key`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Context, Decimal
from typing import Literal, Protocol
from uuid import UUID

import msgspec

Unit = Literal["money", "tokens"]
#: Sorts grants in the order they burn.
BurnKey = tuple[int, int, datetime, datetime, UUID]
ZERO = Decimal(0)
#: Twelve decimals, as the ledger.
STEP = Decimal("1e-12")
_PRECISE = Context(prec=80)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Held(Protocol):
    """Something that can pay: so much of one grant."""

    @property
    def grant_id(self) -> UUID:
        """Return the grant."""

    @property
    def unit(self) -> Unit:
        """Return what its quantity is counted in."""

    @property
    def quantity(self) -> Decimal:
        """Return how much there is."""


class Allocation(msgspec.Struct, frozen=True, array_like=True):
    """The part of a worth that one grant pays: ``quantity`` in its unit, ``amount`` in money."""

    grant_id: UUID
    quantity: Decimal
    amount: Decimal


class Split(msgspec.Struct, frozen=True):
    """Who pays what, and what nobody pays: the amounts sum up to the worth, always."""

    allocations: tuple[Allocation, ...]
    uncovered: Decimal


def burn_key(
    *, unit: str, priority: int, expires_at: datetime | None, created_at: datetime, grant_id: UUID
) -> BurnKey:
    """Return the key that sorts grants: narrower scope, priority, expiry, creation, id."""
    scope = 0 if unit == "tokens" else 1
    return scope, priority, expires_at or _NEVER, created_at, grant_id


def split(held: Sequence[Held], *, money: Decimal, tokens: Decimal) -> Split:
    """Split a worth over grants in burn order; never takes more of a grant than is held.

    A smaller worth (in both measures) always fits where a larger one did: what is left in money is
    rounded up to twelve decimals, which keeps its order; and a worth that weighs no tokens at all
    is covered by any grant of tokens, with a quantity of zero.
    """
    if len(held) == 1 and held[0].unit == "money":
        # So it is nearly always; every request comes here twice.
        used = min(held[0].quantity, money)
        return Split((Allocation(held[0].grant_id, used, used),) if used else (), money - used)
    allocations = []
    money_left, tokens_left = money, tokens
    # Tokens are the narrower scope; the sort keeps the order of the rest.
    for grant in sorted(held, key=lambda grant: grant.unit != "tokens"):
        before = money_left
        if grant.unit == "tokens":
            used = min(grant.quantity, tokens_left)
            tokens_left -= used
            money_left = _share(money, tokens_left, tokens) if tokens else ZERO
        else:
            used = min(grant.quantity, money_left)
            money_left -= used
        if used or money_left != before:
            allocations.append(Allocation(grant.grant_id, used, before - money_left))
    return Split(tuple(allocations), money_left)


def _share(money: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    exact = _PRECISE.divide(_PRECISE.multiply(money, part), whole)
    return exact.quantize(STEP, rounding=ROUND_CEILING, context=_PRECISE)
