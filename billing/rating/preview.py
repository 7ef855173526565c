"""A price and quantities as the API takes them, rated."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.rating import conditions
from billing.rating.conditions import Circumstances
from billing.rating.definition import InvalidPrice, PriceDefinition, decimal, parse_for
from billing.rating.lines import Rated, rate_piece
from billing.rating.shapes import POSITIONS, Piece
from billing.rating.units import GPU_HOURS, PRECISE

FIELDS = {
    "currency",
    "price",
    "quantity",
    "quantity_before",
    "previously_billed",
    "line_position",
    "events",
    "request",
    "part",
}
#: Whose price it is decides what the quantity counts: of GPU-hours, seconds.
PARTS = ("tokens", GPU_HOURS)
REQUEST_FIELDS = {"at", "prompt", "service_tier"}
#: Longer than any model reads.
MAX_PROMPT = 10**9
MAX_EVENTS = 10_000


def preview(request: Mapping[str, Any]) -> Rated:
    """Return the lines that a price gives for a quantity; raises ``InvalidPrice``."""
    for field in sorted(map(str, request.keys() - FIELDS)):
        raise InvalidPrice(field, "is not known")
    currency = request.get("currency")
    if not isinstance(currency, str) or not _is_code(currency):
        raise InvalidPrice("currency", "must be a currency code of three capital letters")
    position = request.get("line_position", "single")
    if position not in POSITIONS:
        raise InvalidPrice("line_position", "must be one of " + ", ".join(POSITIONS))
    part = request.get("part", PARTS[0])
    if part not in PARTS:
        raise InvalidPrice("part", "must be one of " + ", ".join(PARTS))
    price = _price(part, request.get("price"))
    factor = conditions.multiplier(price, _circumstances(request.get("request", {})))
    piece = Piece(
        quantity=PRECISE.multiply(decimal("quantity", request.get("quantity")), factor),
        before=decimal("quantity_before", request.get("quantity_before", "0")),
        position=position,
        events=_events(request.get("events", [])),
    )
    billed = decimal("previously_billed", request.get("previously_billed", "0"))
    if _counts_events(price) and piece.quantity and not piece.events:
        raise InvalidPrice("events", "are needed by a price that counts events")
    return rate_piece(price, piece, currency=currency, previously_billed=billed)


def _counts_events(price: PriceDefinition) -> bool:
    bounds = (price.minimum_per_event, price.maximum_per_event)
    is_bounded = any(bound is not None for bound in bounds)
    return bool(price.fixed_amount or price.free_events or is_bounded)


def _circumstances(given: Any) -> Circumstances:
    """Read what the request was like that the quantity belongs to."""
    if not isinstance(given, Mapping):
        raise InvalidPrice("request", "must be an object")
    for field in sorted(map(str, given.keys() - REQUEST_FIELDS)):
        raise InvalidPrice(f"request.{field}", "is not known")
    prompt = given.get("prompt", 0)
    if type(prompt) is not int or not 0 <= prompt <= MAX_PROMPT:
        raise InvalidPrice("request.prompt", "must be a number of tokens")
    tier = given.get("service_tier", "standard")
    if tier not in ("standard", "batch"):
        raise InvalidPrice("request.service_tier", "must be standard or batch")
    return Circumstances(_moment(given.get("at")), prompt, tier == "batch")


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidPrice("request.at", "must be a time with its offset, as RFC 3339 writes it")
    return found


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


def _price(part: str, definition: Any) -> PriceDefinition:
    try:
        return parse_for(part, definition)
    except InvalidPrice as error:
        field = error.field if error.field == "price" else f"price.{error.field}"
        raise InvalidPrice(field, error.reason) from None


def _events(values: Any) -> tuple[Decimal, ...]:
    if not isinstance(values, list) or len(values) > MAX_EVENTS:
        raise InvalidPrice("events", f"must be a list of at most {MAX_EVENTS} values")
    return tuple(decimal(f"events.{n}", value) for n, value in enumerate(values))
