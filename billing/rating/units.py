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

#: Wide enough that no product of a quantity and a price is ever cut.
PRECISE = Context(prec=120)
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
