"""Whether one price can come to more than another, at any quantity: shown, not tried.

Both are amounts as functions of the period's quantity: straight lines and stairs between the ends of
their tiers, then a share off, a most and a least. Two lines are compared where either bends and beyond;
stairs of unlike steps by the lines that hold them. What cannot be compared may cost more. Fractions are
exact; what rounding to the cent adds or takes is nobody's price.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from billing.rating.definition import HUNDRED, PriceDefinition
from billing.rating.units import Conversion

NOTHING = Fraction(0)


def can_cost_more(before: PriceDefinition, after: PriceDefinition) -> bool:
    """Tell whether some usage may cost more by the second; False only where none does."""
    if before == after:
        return False
    if (
        _conditions(before) != _conditions(after)
        or not {before.model, after.model} <= _RISES.keys()
    ):
        return True
    factors = _factors(before.unit_conversion, after.unit_conversion)
    if factors is None:
        return True
    old, new = _curve(before, factors[0]), _curve(after, factors[1])
    return new.limited(new.at_zero) > old.limited(old.at_zero) or any(
        _is_above(new, old, begins, ends) for begins, ends in _between(old, new)
    )


@dataclass(frozen=True, slots=True)
class _Rise:
    """What quantities beyond ``lower`` come to: a line from ``origin`` on, or stairs of a size."""

    lower: Fraction
    base: Fraction
    slope: Fraction
    origin: Fraction
    size: Fraction | None = None

    def until(self, quantity: Fraction) -> Fraction:
        """Return what it comes to at the quantity."""
        reached = quantity - self.origin
        if self.size is not None:
            reached = math.ceil(reached / self.size) * self.size
        return self.base + self.slope * reached

    def moved(self, free: Fraction, factor: Fraction) -> "_Rise":
        """Return the same over what is counted, of which a part is free before it is converted."""
        return _Rise(
            (self.lower + free) / factor,
            self.base,
            self.slope * factor,
            (self.origin + free) / factor,
            self.size and self.size / factor,
        )


@dataclass(frozen=True, slots=True)
class _Curve:
    """What a price comes to, stretch by stretch, before its limits; each begins above the last."""

    at_zero: Fraction
    rises: Sequence[_Rise]
    least: Fraction
    most: Fraction | None

    def limited(self, amount: Fraction) -> Fraction:
        """Return the amount within the limits."""
        return max(amount if self.most is None else min(amount, self.most), self.least)

    def beyond(self, quantity: Fraction) -> _Rise:
        """Return the stretch that begins here, or holds here."""
        return next(it for it in reversed(self.rises) if it.lower <= quantity)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is kept within the limits of its curve."""

    base: Fraction
    slope: Fraction
    within: _Curve

    def at(self, place: Fraction) -> Fraction:
        """Return its height."""
        return self.within.limited(self.base + self.slope * place)

    def bends(self) -> Iterator[Fraction]:
        """Yield where it meets a limit."""
        for limit in (self.within.least, self.within.most):
            if limit is not None and self.slope:
                yield (limit - self.base) / self.slope


def _conditions(price: PriceDefinition) -> tuple[object, ...]:
    return price.long_context, price.time_of_day, price.batch_multiplier


def _factors(
    before: Conversion | None, after: Conversion | None
) -> tuple[Fraction, Fraction] | None:
    """Return what a counted unit is of each's priced ones; None where one of them rounds."""
    if before == after:
        return Fraction(1), Fraction(1)
    if any(it is not None and it.rounding != "none" for it in (before, after)):
        return None
    return _factor(before), _factor(after)


def _factor(conversion: Conversion | None) -> Fraction:
    if conversion is None:
        return Fraction(1)
    factor = Fraction(conversion.factor)
    return 1 / factor if conversion.operation == "divide" else factor


def _curve(price: PriceDefinition, factor: Fraction) -> _Curve:
    paid = 1 - Fraction(price.discount_percent) / Fraction(HUNDRED)
    at_zero = NOTHING
    if price.charge_first_flat_fee_at_zero:
        at_zero = Fraction(price.tiers[0].flat_amount) * paid
    rises = [
        replace(it, base=it.base * paid, slope=it.slope * paid) for it in _RISES[price.model](price)
    ]
    free = Fraction(price.free_quantity)
    rises = [it.moved(free, factor) for it in rises]
    if free:
        rises = [_Rise(NOTHING, at_zero, NOTHING, NOTHING), *rises]
    most = price.maximum_amount
    return _Curve(
        at_zero,
        rises,
        Fraction(price.minimum_amount or 0),
        None if most is None else Fraction(most),
    )


def _per_unit(price: PriceDefinition) -> list[_Rise]:
    return [_Rise(NOTHING, NOTHING, Fraction(price.unit_amount), NOTHING)]


def _package(price: PriceDefinition) -> list[_Rise]:
    size = Fraction(price.package_size)
    return [_Rise(NOTHING, NOTHING, Fraction(price.package_amount) / size, NOTHING, size)]


def _graduated(price: PriceDefinition) -> list[_Rise]:
    found, lower, base = [], NOTHING, NOTHING
    for tier in price.tiers:
        size = Fraction(tier.package_size) if tier.package_size is not None else None
        slope = Fraction(tier.unit_amount) / (size or 1)
        rise = _Rise(lower, base + Fraction(tier.flat_amount), slope, lower, size)
        found.append(rise)
        if tier.up_to is not None:
            lower = Fraction(tier.up_to)
            base = rise.until(lower)
    return found


def _volume(price: PriceDefinition) -> list[_Rise]:
    found, lower = [], NOTHING
    for tier in price.tiers:
        size = Fraction(tier.package_size) if tier.package_size is not None else None
        slope = Fraction(tier.unit_amount) / (size or 1)
        found.append(_Rise(lower, Fraction(tier.flat_amount), slope, NOTHING, size))
        lower = Fraction(tier.up_to or 0)
    return found


#: The shapes that are compared; the others count events, or nothing.
_RISES = {
    "per_unit": _per_unit,
    "package": _package,
    "graduated": _graduated,
    "volume": _volume,
}


def _between(old: _Curve, new: _Curve) -> Iterator[tuple[Fraction, Fraction | None]]:
    """Yield the stretches within which neither changes its way; the last has no end."""
    bounds = sorted({it.lower for curve in (old, new) for it in curve.rises})
    yield from pairwise([*bounds, None])


def _is_above(new: _Curve, old: _Curve, begins: Fraction, ends: Fraction | None) -> bool:
    """Tell whether the one may be above the other past the beginning, up to the end."""
    higher, lower = new.beyond(begins), old.beyond(begins)
    steps = lower.size
    if steps is not None and (higher.size, higher.origin) == (steps, lower.origin):
        # The stairs step together: what is compared is the steps that were begun.
        first = (begins - lower.origin) // steps + 1
        last = None if ends is None else math.ceil((ends - lower.origin) / steps)
        return _is_line_above(
            _Line(higher.base, higher.slope * steps, new),
            _Line(lower.base, lower.slope * steps, old),
            Fraction(first),
            None if last is None else Fraction(last),
        )
    # No stairs rise above the line through their beginnings, nor fall below that through their ends.
    begun = higher.slope * (higher.size or 0)
    return _is_line_above(
        _Line(higher.base + begun - higher.slope * higher.origin, higher.slope, new),
        _Line(lower.base - lower.slope * lower.origin, lower.slope, old),
        begins,
        ends,
    )


def _is_line_above(new: _Line, old: _Line, begins: Fraction, ends: Fraction | None) -> bool:
    bends = [it for line in (new, old) for it in line.bends()]
    inside = (it for it in bends if it > begins and (ends is None or it < ends))
    places = sorted({begins, *inside} | ({ends} if ends is not None else set()))
    gaps = [new.at(it) - old.at(it) for it in places]
    if ends is None:
        # Past the last bend the gap grows or shrinks for ever.
        beyond = places[-1] + 1
        is_growing = new.at(beyond) - old.at(beyond) > gaps[-1]
        return is_growing or max(gaps) > 0
    return max(gaps) > 0
