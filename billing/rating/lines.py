"""From charges to lines: rounding, discounts, caps and minimums, in this order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from billing.rating.definition import HUNDRED, ZERO, PriceDefinition
from billing.rating.shapes import ONE, Charge, Piece, charges
from billing.rating.units import PRECISE
from common.money import exact, round_to_minor

Rounding = Callable[[Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rated period; ``total`` is what it comes to."""

    kind: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal
    discount: Decimal
    total: Decimal
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class Rated:
    """Lines rounded for a document, their sum, and the same without that rounding."""

    lines: tuple[Line, ...]
    total: Decimal
    total_exact: Decimal
    exact_lines: tuple[Line, ...]


def rate_piece(
    price: PriceDefinition, piece: Piece, *, currency: str, previously_billed: Decimal = ZERO
) -> Rated:
    """Rate a piece of a period: lines rounded half up to the currency, once."""

    def to_minor(amount: Decimal) -> Decimal:
        return round_to_minor(amount, currency)

    # A quantity that does not end, such as a third of an hour, keeps as many digits in sums, too.
    with localcontext(PRECISE):
        found = charges(price, piece)
        documented = _lines(price, piece, found, previously_billed, to_minor)
        precise = _lines(price, piece, found, previously_billed, exact)
    return Rated(tuple(documented), _total(documented), _total(precise), tuple(precise))


def _total(lines: Sequence[Line]) -> Decimal:
    return sum((line.total for line in lines), ZERO)


def _lines(
    price: PriceDefinition,
    piece: Piece,
    found: Sequence[Charge],
    billed: Decimal,
    rounding: Rounding,
) -> list[Line]:
    lines = []
    for charge in found:
        line = _line(price, charge, billed, rounding)
        billed += line.total
        lines.append(line)
    missing = rounding((price.minimum_amount or ZERO) - billed)
    if piece.is_last and missing > 0:
        lines.append(Line("minimum", ONE, missing, missing, ZERO, missing))
    return lines


def _line(price: PriceDefinition, charge: Charge, billed: Decimal, rounding: Rounding) -> Line:
    """The percentage comes off first; what then passes the cap comes off too."""
    amount = rounding(charge.amount)
    share = PRECISE.divide(price.discount_percent, HUNDRED)
    discount = rounding(PRECISE.multiply(amount, share))
    if price.maximum_amount is not None:
        over = rounding(billed + amount - discount - price.maximum_amount)
        discount += min(max(over, ZERO), amount - discount)
    return Line(
        charge.kind,
        charge.quantity,
        charge.unit_amount,
        amount,
        discount,
        amount - discount,
        charge.tier,
    )
