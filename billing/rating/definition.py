"""Price definitions: from the JSON that books, the API and people use to checked values.

Decimals are strings, because JSON's numbers are floats to many readers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing.rating import conditions
from billing.rating.conditions import LongContext, TimeOfDay
from billing.rating.reading import HUNDRED, ZERO, InvalidPrice, above_zero, decimal
from billing.rating.units import GPU_HOURS, TO_HOURS, Conversion, conversion

__all__ = [
    "HUNDRED",
    "ZERO",
    "InvalidPrice",
    "PriceDefinition",
    "Tier",
    "decimal",
    "parse",
    "parse_for",
]

MAX_TIERS = 100


@dataclass(frozen=True, slots=True)
class Tier:
    """From the end of the tier before, exclusive, up to ``up_to``, inclusive; None is open."""

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal
    #: Where the tier is sold in blocks, how large one is; the unit amount is then a block's.
    package_size: Decimal | None = None


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
    minimum_per_event: Decimal | None = None
    maximum_per_event: Decimal | None = None
    unit_conversion: Conversion | None = None
    #: By how much a unit counts for more or less than one, by what its request was like.
    long_context: tuple[LongContext, ...] = ()
    time_of_day: TimeOfDay | None = None
    batch_multiplier: Decimal | None = None

    @property
    def is_plain(self) -> bool:
        """Whether each unit costs its unit amount, however many there are of them."""
        limits = (self.minimum_amount, self.maximum_amount, self.unit_conversion)
        is_limited = any(limit is not None for limit in limits)
        return self.model == "per_unit" and not (
            is_limited or self.free_quantity or self.discount_percent
        )


#: What each model must say, and what it may.
REQUIRED = {
    "per_unit": {"unit_amount"},
    "graduated": {"tiers"},
    "volume": {"tiers"},
    "package": {"package_size", "package_amount"},
    "flat": {"unit_amount"},
    "percentage": {"rate"},
    "graduated_percentage": {"tiers"},
}
OPTIONAL = {
    "percentage": {"fixed_amount", "free_events", "minimum_per_event", "maximum_per_event"},
    "graduated_percentage": {"charge_first_flat_fee_at_zero"},
    "graduated": {"charge_first_flat_fee_at_zero"},
    "volume": {"charge_first_flat_fee_at_zero"},
}
COMMON = {
    "minimum_amount", "maximum_amount", "free_quantity", "discount_percent", "unit_conversion",
    "long_context", "time_of_day", "batch_multiplier",
}  # fmt: skip


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
    readers = _READERS | ({"tiers": _shares} if model == "graduated_percentage" else {})
    price = PriceDefinition(
        model, **{field: readers[field](field, definition[field]) for field in given}
    )
    _in_order("minimum_amount", price.minimum_amount, "maximum_amount", price.maximum_amount)
    _in_order(
        "minimum_per_event", price.minimum_per_event, "maximum_per_event", price.maximum_per_event
    )
    return price


def parse_for(part: str, definition: Mapping[str, Any]) -> PriceDefinition:
    """Return the same as it rates what is counted of a part: hours of a GPU are counted in seconds."""
    price = parse(definition)
    if part != GPU_HOURS:
        return price
    if price.unit_conversion is not None:
        raise InvalidPrice("unit_conversion", "hours are converted already, from seconds")
    return replace(price, unit_conversion=TO_HOURS)


def _in_order(low_name: str, low: Decimal | None, high_name: str, high: Decimal | None) -> None:
    if low is not None and high is not None and low > high:
        raise InvalidPrice(low_name, f"is above {high_name}")


def _optional(field: str, value: Any) -> Decimal | None:
    return None if value is None else decimal(field, value)


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
    return _in_tiers(field, value, _tier)


def _shares(field: str, value: Any) -> tuple[Tier, ...]:
    return _in_tiers(field, value, _share)


def _in_tiers(field: str, value: Any, read: Callable[[str, Any], Tier]) -> tuple[Tier, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TIERS:
        raise InvalidPrice(field, f"must be a list of 1 to {MAX_TIERS} tiers")
    tiers = tuple(read(f"{field}.{number}", entry) for number, entry in enumerate(value))
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
    known = {"up_to", "unit_amount", "flat_amount", "package_size"}
    if not isinstance(value, Mapping) or value.keys() - known:
        raise InvalidPrice(field, "has up_to, unit_amount, flat_amount and package_size")
    size = value.get("package_size")
    return Tier(
        up_to=_optional(f"{field}.up_to", value.get("up_to")),
        unit_amount=decimal(f"{field}.unit_amount", value.get("unit_amount", "0")),
        flat_amount=decimal(f"{field}.flat_amount", value.get("flat_amount", "0")),
        package_size=None if size is None else above_zero(f"{field}.package_size", size),
    )


def _share(field: str, value: Any) -> Tier:
    """Read a tier whose units are money, of which a share is due."""
    if not isinstance(value, Mapping) or value.keys() - {"up_to", "rate", "flat_amount"}:
        raise InvalidPrice(field, "has up_to, rate and flat_amount")
    return Tier(
        up_to=_optional(f"{field}.up_to", value.get("up_to")),
        unit_amount=decimal(f"{field}.rate", value.get("rate", "0")).scaleb(-2),
        flat_amount=decimal(f"{field}.flat_amount", value.get("flat_amount", "0")),
    )


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "unit_amount": decimal,
    "tiers": _tiers,
    "package_size": above_zero,
    "package_amount": decimal,
    "rate": decimal,
    "fixed_amount": decimal,
    "free_events": _count,
    "minimum_amount": _optional,
    "maximum_amount": _optional,
    "free_quantity": decimal,
    "discount_percent": _percent,
    "charge_first_flat_fee_at_zero": _flag,
    "minimum_per_event": _optional,
    "maximum_per_event": _optional,
    "unit_conversion": conversion,
    "long_context": conditions.long_context,
    "time_of_day": conditions.time_of_day,
    "batch_multiplier": above_zero,
}
