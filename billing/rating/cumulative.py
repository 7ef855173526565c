"""Rating in pieces: the whole so far is rated each time, and what is booked is taken off.

So rounding cannot drift, a tier that is crossed reprices what lies below it, and usage that turns
out smaller gives a negative amount.
"""

from collections.abc import Sequence
from decimal import Decimal

from billing.rating.definition import ZERO, PriceDefinition
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece


def worth_so_far(
    price: PriceDefinition, cumulative: Decimal, *, currency: str, period_ended: bool
) -> Decimal:
    """Return what the period's usage so far is worth, rounded; the minimum only once it ended."""
    whole = Piece(quantity=cumulative)
    if period_ended or price.minimum_amount is None:
        return rate_piece(price, whole, currency=currency).total
    lines = rate_piece(price, whole, currency=currency).lines
    return sum((line.total for line in lines if line.kind != "minimum"), ZERO)


def worth_of_phases(
    price: PriceDefinition, cumulative: Sequence[Decimal], *, currency: str, period_ended: bool
) -> list[Decimal]:
    """Return what each phase of a period is worth, given the usage up to the end of each.

    Their sum is the worth of the whole. Late usage changes the phase it belongs to: book, per
    phase, this minus what was booked on it before.
    """
    last = len(cumulative) - 1
    so_far = [
        worth_so_far(price, quantity, currency=currency, period_ended=period_ended and n == last)
        for n, quantity in enumerate(cumulative)
    ]
    return [now - before for now, before in zip(so_far, [ZERO, *so_far], strict=False)]
