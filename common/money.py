"""Money: an exact decimal and its currency. Plain Python; the only rounding in the house."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

#: ISO 4217 currencies whose minor unit is not a hundredth.
MINOR_DIGITS = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0,
    "KMF": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0,
    "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip

#: Twelve decimals: the precision of unit prices, rated usage and the ledger.
EXACT = Decimal("1e-12")
_CONTEXT = Context(prec=60)


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were combined."""


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency's documents carry."""
    return MINOR_DIGITS.get(currency, 2)


def round_to_minor(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's minor unit."""
    quantum = Decimal(1).scaleb(-minor_digits(currency))
    return amount.quantize(quantum, rounding=ROUND_HALF_UP, context=_CONTEXT)


def exact(amount: Decimal) -> Decimal:
    """Bring an amount to the ledger's twelve decimals, half up."""
    return amount.quantize(EXACT, rounding=ROUND_HALF_UP, context=_CONTEXT)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in one currency; arithmetic across currencies raises ``CurrencyMismatch``."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError("Money takes a Decimal, never a float")

    def _same(self, other: Money) -> Decimal:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add up")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def rounded(self) -> Money:
        """Round half up to the minor unit; called once, where an invoice line is made."""
        return Money(round_to_minor(self.amount, self.currency), self.currency)
