"""Price definitions: from the JSON that books, the API and people use to checked values.

Decimals are strings, because JSON's numbers are floats to many readers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

ZERO = Decimal(0)
HUNDRED = Decimal(100)
#: More digits than any price needs; a longer string is refused before it is parsed.
MAX_DIGITS = 40
MAX_TIERS = 100


class InvalidPrice(ValueError):
    """A price definition says something that cannot be rated; names the field."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True, slots=True)
class Tier:
    """From the end of the tier before, exclusive, up to ``up_to``, inclusive; None is open."""

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal


@dataclass(frozen=True, slots=True)
class PriceDefinition:
    """A checked price definition; fields that its model does not use are zero or empty."""

    model: str
    unit_amount: Decimal = ZERO
    tiers: tuple[Tier, ...] = ()
    package_size: Decimal = ZERO
    package_amount: Decimal = ZERO
    rate: Decimal = ZERO
    fixed_amount: Decimal = ZERO
    free_events: int = 0
    minimum_amount: Decimal | None = None
    maximum_amount: Decimal | None = None
    free_quantity: Decimal = ZERO
    discount_percent: Decimal = ZERO
    charge_first_flat_fee_at_zero: bool = False


#: What each model must say, and what it may.
REQUIRED = {
    "per_unit": {"unit_amount"},
    "graduated": {"tiers"},
    "volume": {"tiers"},
    "package": {"package_size", "package_amount"},
    "flat": {"unit_amount"},
    "percentage": {"rate"},
}
OPTIONAL = {
    "percentage": {"fixed_amount", "free_events"},
    "graduated": {"charge_first_flat_fee_at_zero"},
    "volume": {"charge_first_flat_fee_at_zero"},
}
COMMON = {"minimum_amount", "maximum_amount", "free_quantity", "discount_percent"}


def parse(definition: Mapping[str, Any]) -> PriceDefinition:
    """Return the checked definition; raises ``InvalidPrice`` on anything it does not understand."""
    if not isinstance(definition, Mapping):
        raise InvalidPrice("price", "must be an object")
    model = definition.get("model")
    if not isinstance(model, str) or model not in REQUIRED:
        raise InvalidPrice("model", "must be one of " + ", ".join(REQUIRED))
    given = definition.keys() - {"model"}
    allowed = REQUIRED[model] | OPTIONAL.get(model, set()) | COMMON
    for field in sorted(REQUIRED[model] - given):
        raise InvalidPrice(field, f"is required by {model}")
    for field in sorted(map(str, given - allowed)):
        raise InvalidPrice(field, f"is not known to {model}")
    price = PriceDefinition(
        model, **{field: _READERS[field](field, definition[field]) for field in given}
    )
    low, high = price.minimum_amount, price.maximum_amount
    if low is not None and high is not None and low > high:
        raise InvalidPrice("minimum_amount", "is above maximum_amount")
    return price


def decimal(field: str, value: Any) -> Decimal:
    """Read an exact amount or quantity, zero or more, from its string."""
    if not isinstance(value, str) or len(value) > MAX_DIGITS:
        raise InvalidPrice(field, "must be a decimal in a string")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidPrice(field, "must be a decimal in a string") from None
    if not number.is_finite() or number < 0 or abs(number.adjusted()) > MAX_DIGITS:
        raise InvalidPrice(field, "must be zero or more")
    return number


def _optional(field: str, value: Any) -> Decimal | None:
    return None if value is None else decimal(field, value)


def _above_zero(field: str, value: Any) -> Decimal:
    number = decimal(field, value)
    if not number:
        raise InvalidPrice(field, "must be more than zero")
    return number


def _percent(field: str, value: Any) -> Decimal:
    number = decimal(field, value)
    if number > HUNDRED:
        raise InvalidPrice(field, "must be at most 100")
    return number


def _count(field: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidPrice(field, "must be a whole number, zero or more")
    return value


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidPrice(field, "must be true or false")
    return value


def _tiers(field: str, value: Any) -> tuple[Tier, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TIERS:
        raise InvalidPrice(field, f"must be a list of 1 to {MAX_TIERS} tiers")
    tiers = tuple(_tier(f"{field}.{number}", entry) for number, entry in enumerate(value))
    bounds = [tier.up_to for tier in tiers]
    if bounds[-1] is not None or None in bounds[:-1]:
        raise InvalidPrice(field, "the last tier, and no other, has up_to null")
    lower = ZERO
    for number, bound in enumerate(bounds[:-1]):
        if bound is None or bound <= lower:
            raise InvalidPrice(f"{field}.{number}.up_to", "must be above the tier before")
        lower = bound
    return tiers


def _tier(field: str, value: Any) -> Tier:
    if not isinstance(value, Mapping) or value.keys() - {"up_to", "unit_amount", "flat_amount"}:
        raise InvalidPrice(field, "has up_to, unit_amount and flat_amount")
    return Tier(
        up_to=_optional(f"{field}.up_to", value.get("up_to")),
        unit_amount=decimal(f"{field}.unit_amount", value.get("unit_amount", "0")),
        flat_amount=decimal(f"{field}.flat_amount", value.get("flat_amount", "0")),
    )


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "unit_amount": decimal,
    "tiers": _tiers,
    "package_size": _above_zero,
    "package_amount": decimal,
    "rate": decimal,
    "fixed_amount": decimal,
    "free_events": _count,
    "minimum_amount": _optional,
    "maximum_amount": _optional,
    "free_quantity": decimal,
    "discount_percent": _percent,
    "charge_first_flat_fee_at_zero": _flag,
}
