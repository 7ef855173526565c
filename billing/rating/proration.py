"""Parts of a period by its days: the first day counts, the last does not."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from billing.rating.reading import ZERO
from billing.rating.units import PRECISE
from common.money import exact

#: A share as documents show it.
NINTH = Decimal("1e-9")


def share(start: date, end: date, *, of_start: date, of_end: date) -> Decimal:
    """Return which share of the period's days lies between the two, to nine decimals."""
    inside = max((min(end, of_end) - max(start, of_start)).days, 0)
    whole = PRECISE.divide(Decimal(inside), Decimal((of_end - of_start).days))
    return whole.quantize(NINTH, rounding=ROUND_HALF_UP)


def prorated(amount: Decimal, days: int, of_days: int) -> Decimal:
    """Return the part of an amount that falls on so many days of the period."""
    return exact(PRECISE.divide(PRECISE.multiply(amount, Decimal(days)), Decimal(of_days)))


def true_up(committed: Decimal, used: Decimal, *, days: int, of_days: int) -> Decimal:
    """Return what usage misses of a commitment that held on so many days of the period."""
    return max(prorated(committed, days, of_days) - used, ZERO)
