"""A price and quantities as the API takes them, rated."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.rating.definition import InvalidPrice, PriceDefinition, decimal, parse
from billing.rating.lines import Rated, rate_piece
from billing.rating.shapes import POSITIONS, Piece

FIELDS = {
    "currency",
    "price",
    "quantity",
    "quantity_before",
    "previously_billed",
    "line_position",
    "events",
}
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
    piece = Piece(
        quantity=decimal("quantity", request.get("quantity")),
        before=decimal("quantity_before", request.get("quantity_before", "0")),
        position=position,
        events=_events(request.get("events", [])),
    )
    billed = decimal("previously_billed", request.get("previously_billed", "0"))
    price = _price(request.get("price"))
    if (price.fixed_amount or price.free_events) and piece.quantity and not piece.events:
        raise InvalidPrice("events", "are needed by a price that counts events")
    return rate_piece(price, piece, currency=currency, previously_billed=billed)


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


def _price(definition: Any) -> PriceDefinition:
    try:
        return parse(definition)
    except InvalidPrice as error:
        field = error.field if error.field == "price" else f"price.{error.field}"
        raise InvalidPrice(field, error.reason) from None


def _events(values: Any) -> tuple[Decimal, ...]:
    if not isinstance(values, list) or len(values) > MAX_EVENTS:
        raise InvalidPrice("events", f"must be a list of at most {MAX_EVENTS} values")
    return tuple(decimal(f"events.{n}", value) for n, value in enumerate(values))
