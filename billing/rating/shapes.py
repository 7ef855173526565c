"""One function per price shape: from a piece of a period to what it charges, exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from billing.rating.definition import HUNDRED, ZERO, PriceDefinition, Tier
from billing.rating.units import PRECISE, product

Position = Literal["single", "mid_split", "last_split"]
POSITIONS: tuple[Position, ...] = ("single", "mid_split", "last_split")
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of usage inside a period, after ``before`` of the same period."""

    quantity: Decimal
    before: Decimal = ZERO
    position: Position = "single"
    #: The values of single events, where a price counts events.
    events: tuple[Decimal, ...] = ()

    @property
    def after(self) -> Decimal:
        """Return the usage of the period up to the end of the piece."""
        return self.before + self.quantity

    @property
    def is_first(self) -> bool:
        """Whether nothing of the period was rated before."""
        return not self.before and self.position != "last_split"

    @property
    def is_last(self) -> bool:
        """Whether the period ends with the piece."""
        return self.position != "mid_split"


@dataclass(frozen=True, slots=True)
class Charge:
    """A quantity at a unit amount, before rounding and discounts."""

    kind: str
    quantity: Decimal
    unit_amount: Decimal
    tier: int | None = None

    @property
    def amount(self) -> Decimal:
        """Return the product, exactly."""
        return product(self.quantity, self.unit_amount)


def charges(price: PriceDefinition, piece: Piece) -> list[Charge]:
    """Return what the piece is charged; the free quantity is used up by earlier usage first.

    A unit is converted at both ends of the piece, so that pieces sum up to the whole.
    """
    if (conversion := price.unit_conversion) is not None:
        before, after = conversion.apply(piece.before), conversion.apply(piece.after)
        piece = replace(piece, before=before, quantity=after - before)
    if price.free_quantity and price.model != "percentage":
        free = price.free_quantity
        before, after = max(piece.before - free, ZERO), max(piece.after - free, ZERO)
        piece = replace(piece, before=before, quantity=after - before)
    return [charge for charge in _SHAPES[price.model](price, piece) if charge.amount]


def _per_unit(price: PriceDefinition, piece: Piece) -> list[Charge]:
    return [Charge("usage", piece.quantity, price.unit_amount)]


def _flat(price: PriceDefinition, piece: Piece) -> list[Charge]:
    """In arrears: with the end of the period."""
    return [Charge("flat", ONE, price.unit_amount)] if piece.is_last else []


def packages(quantity: Decimal, size: Decimal) -> Decimal:
    """Return how many packages the quantity opens."""
    whole, rest = PRECISE.divmod(quantity, size)
    return whole + 1 if rest else whole


def _package(price: PriceDefinition, piece: Piece) -> list[Charge]:
    """The period is what is packaged, not the event."""
    size = price.package_size
    opened = packages(piece.after, size) - packages(piece.before, size)
    return [Charge("usage", opened, price.package_amount)]


def _graduated(price: PriceDefinition, piece: Piece) -> list[Charge]:
    """Each unit at the price of the tier it falls in; a flat fee once, with the tier's first."""
    found = []
    lower = ZERO
    for number, tier in enumerate(price.tiers, start=1):
        upper = piece.after if tier.up_to is None else min(tier.up_to, piece.after)
        inside = max(upper - max(lower, piece.before), ZERO)
        if _enters(price, piece, number, lower):
            found.append(Charge("flat", ONE, tier.flat_amount, number))
        if tier.package_size is not None:
            inside = _blocks(tier.package_size, upper, max(piece.before, lower), lower)
        found.append(Charge("usage", inside, tier.unit_amount, number))
        lower = tier.up_to or lower
    return found


def _blocks(size: Decimal, after: Decimal, before: Decimal, lower: Decimal) -> Decimal:
    """Return how many blocks of a tier are opened; the first begins where the tier does."""
    until = packages(max(after - lower, ZERO), size)
    return max(until - packages(max(before - lower, ZERO), size), ZERO)


def _enters(price: PriceDefinition, piece: Piece, number: int, lower: Decimal) -> bool:
    if number == 1 and price.charge_first_flat_fee_at_zero:
        return piece.is_first
    return piece.before <= lower < piece.after


def tier_of(tiers: Sequence[Tier], quantity: Decimal) -> int:
    """Return the number, from 1, of the tier that the quantity lies in."""
    bounds = (tier.up_to for tier in tiers)
    return next(n for n, end in enumerate(bounds, start=1) if end is None or quantity <= end)


def _volume(price: PriceDefinition, piece: Piece) -> list[Charge]:
    """All units at the price of the tier that the period's total reaches; known at its end."""
    total = piece.after
    if not piece.is_last or not (total or price.charge_first_flat_fee_at_zero):
        return []
    number = tier_of(price.tiers, total)
    tier = price.tiers[number - 1]
    if tier.package_size is not None:
        total = packages(total, tier.package_size)
    return [
        Charge("flat", ONE, tier.flat_amount, number),
        Charge("usage", total, tier.unit_amount, number),
    ]


def _percentage(price: PriceDefinition, piece: Piece) -> list[Charge]:
    """A share of each event's value and a fee per event, but for the free ones."""
    if price.minimum_per_event is not None or price.maximum_per_event is not None:
        return [Charge("percentage", ONE, _bounded(price, piece.events))]
    free_events, free_value = _free(price, piece.events)
    value = max(piece.quantity - free_value, ZERO)
    paid_events = Decimal(len(piece.events) - free_events)
    return [
        Charge("percentage", value, PRECISE.divide(price.rate, HUNDRED)),
        Charge("fixed", paid_events, price.fixed_amount),
    ]


def _bounded(price: PriceDefinition, events: Sequence[Decimal]) -> Decimal:
    """Return what the events come to where each has a least and a most of its own."""
    count, _value = _free(price, events)
    left = ZERO
    if price.free_quantity and (not price.free_events or count < price.free_events):
        # Where the free value runs out inside an event, its rest is paid for.
        left = price.free_quantity - sum(events[:count], ZERO)
    due = ZERO
    for value in events[count:]:
        paid, left = max(value - left, ZERO), max(left - value, ZERO)
        due += _of_event(price, paid) if paid else ZERO
    return due


def _of_event(price: PriceDefinition, value: Decimal) -> Decimal:
    amount = PRECISE.multiply(value, price.rate).scaleb(-2, PRECISE) + price.fixed_amount
    amount = max(amount, price.minimum_per_event or ZERO)
    return amount if price.maximum_per_event is None else min(amount, price.maximum_per_event)


def _free(price: PriceDefinition, events: Sequence[Decimal]) -> tuple[int, Decimal]:
    """Return how many events are free, and how much value is."""
    if not price.free_quantity:
        first = events[: price.free_events]
        return len(first), sum(first, ZERO)
    count, value = 0, ZERO
    most = price.free_events or len(events)
    while count < min(most, len(events)) and value + events[count] <= price.free_quantity:
        value += events[count]
        count += 1
    return count, price.free_quantity if not price.free_events else value


_SHAPES: dict[str, Callable[[PriceDefinition, Piece], list[Charge]]] = {
    "per_unit": _per_unit,
    "flat": _flat,
    "package": _package,
    "graduated": _graduated,
    "volume": _volume,
    "percentage": _percentage,
    "graduated_percentage": _graduated,
}
