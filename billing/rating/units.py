"""From what is counted to what is priced: tokens to thousands, seconds to hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
)
from typing import Any

from billing.rating.reading import InvalidPrice, above_zero
from common.money import exact

#: What is counted in seconds and priced by the hour. The name is that of price books.
GPU_HOURS = "gpu_hours"
HOUR = Decimal(3600)
#: Wide enough that no product of a quantity and a price is ever cut.
PRECISE = Context(prec=120)
_MILLIONTH = Decimal("1e-6")
ROUNDINGS = {"ceiling": ROUND_CEILING, "floor": ROUND_FLOOR, "half_up": ROUND_HALF_UP}
#: How many decimals a converted quantity may keep; below zero it is rounded to tens, hundreds, …
COARSEST, FINEST = -9, 12


@dataclass(frozen=True, slots=True)
class Conversion:
    """Multiplies or divides a quantity, then rounds it; without a rounding it stays exact."""

    operation: str
    factor: Decimal
    rounding: str = "none"
    precision: int = 0

    def apply(self, quantity: Decimal) -> Decimal:
        """Return the quantity in the priced unit."""
        if self.operation == "divide":
            found = PRECISE.divide(quantity, self.factor)
        else:
            found = PRECISE.multiply(quantity, self.factor)
        if self.rounding == "none":
            return found
        step = Decimal(1).scaleb(-self.precision)
        return found.quantize(step, rounding=ROUNDINGS[self.rounding], context=PRECISE)


#: From the seconds that are counted of GPUs to the hours that their prices are for.
TO_HOURS = Conversion("divide", HOUR)
#: Products are brought to so many decimals before any rounding: a third of an hour does not end, and
#: what is cut off it must not decide whether half of the last digit is rounded up.
_SNAPPED = Decimal("1e-60")


def product(quantity: Decimal, unit_amount: Decimal) -> Decimal:
    """Return what a quantity comes to, exactly, also where it is a third of something."""
    found = PRECISE.multiply(quantity, unit_amount)
    exponent = found.as_tuple().exponent
    is_cut = isinstance(exponent, int) and exponent < -60
    return found.quantize(_SNAPPED, context=PRECISE) if is_cut else found


def hours(seconds: Decimal | int) -> Decimal:
    """Return seconds as hours of twelve decimals, which :func:`seconds` reads again."""
    return exact(TO_HOURS.apply(Decimal(seconds)))


def seconds(hours: Decimal) -> Decimal:
    """Return the seconds that hours of twelve decimals stand for: whole ones, where they were counted."""
    return PRECISE.multiply(hours, HOUR).quantize(_MILLIONTH, ROUND_HALF_UP, PRECISE).normalize()


def conversion(field: str, value: Any) -> Conversion:
    """Read a conversion from its JSON."""
    known = {"operation", "factor", "rounding", "precision"}
    if not isinstance(value, Mapping) or value.keys() - known:
        raise InvalidPrice(field, "has operation, factor, rounding and precision")
    operation, rounding = value.get("operation"), value.get("rounding", "none")
    if operation not in ("multiply", "divide"):
        raise InvalidPrice(f"{field}.operation", "must be multiply or divide")
    if rounding not in ("none", *ROUNDINGS):
        raise InvalidPrice(f"{field}.rounding", "must be none, " + ", ".join(ROUNDINGS))
    precision = value.get("precision", 0)
    if type(precision) is not int or not COARSEST <= precision <= FINEST:
        raise InvalidPrice(f"{field}.precision", f"must be from {COARSEST} to {FINEST}")
    factor = above_zero(f"{field}.factor", value.get("factor"))
    return Conversion(operation, factor, rounding, precision)
