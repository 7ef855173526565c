"""What a credit note takes back of each line: plain numbers, never more than is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Generic, TypeVar

from common.money import minor_digits, round_to_minor

L = TypeVar("L")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Left(Generic[L]):
    """What credit notes have left of one line; below zero where the line takes something off."""

    line: L
    amount: Decimal


def spread(lines: Sequence[Left[L]], amount: Decimal, currency: str) -> list[Left[L]]:
    """Divide a net amount over the lines in proportion to what is left of each.

    The shares add up to the amount to the minor unit, and none is more than its line; all that is
    left is therefore exactly what is left of every line.
    """
    whole = sum((each.amount for each in lines), ZERO)
    if not ZERO < amount <= whole:
        raise ValueError("an amount outside what is left")
    unit = Decimal(1).scaleb(-minor_digits(currency))
    shares = [(each.amount * amount / whole).quantize(unit, rounding=ROUND_DOWN) for each in lines]
    rest = amount - sum(shares, ZERO)
    while rest:
        step = min(unit, abs(rest)).copy_sign(rest)
        place = next(at for at, each in enumerate(lines) if _fits(shares[at] + step, each.amount))
        shares[place] += step
        rest -= step
    return [Left(each.line, share) for each, share in zip(lines, shares, strict=True) if share]


def _fits(share: Decimal, left: Decimal) -> bool:
    return 0 <= share <= left or left <= share <= 0


def tax_on(
    amount: Decimal, *, before: Decimal, rate: Decimal, left: Decimal, is_all: bool, currency: str
) -> Decimal:
    """Return the tax that goes back with a net amount, after ``before`` was taken back already.

    Cumulative, so that many small notes give back what one would; the last one gives back what
    is left of the tax to the last digit.
    """
    if is_all:
        return left
    due = round_to_minor((before + amount) * rate, currency) - round_to_minor(
        before * rate, currency
    )
    return min(due, left)
