"""Tax on one line, rounded once, half up, to the minor unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from billing.payments.loopback.store import Object


@dataclass(frozen=True)
class LineAmounts:
    """What one line comes to, in minor units."""

    subtotal: int
    tax: int
    total: int
    per_rate: tuple[tuple[Object, int], ...]


def rounded(value: Decimal) -> int:
    """Return a whole number of minor units, half up."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def line_amounts(amount: int, rates: Sequence[Object]) -> LineAmounts:
    """Return subtotal, tax and total of a line; an inclusive rate's tax is part of the amount."""
    inclusive = sum((_percentage(rate) for rate in rates if rate["inclusive"]), Decimal(0))
    net = Decimal(amount) * 100 / (100 + inclusive)
    per_rate = tuple((rate, rounded(net * _percentage(rate) / 100)) for rate in rates)
    tax = sum(part for _, part in per_rate)
    added = sum(part for rate, part in per_rate if not rate["inclusive"])
    return LineAmounts(amount, tax, amount + added, per_rate)


def _percentage(rate: Object) -> Decimal:
    return Decimal(str(rate["percentage"]))
