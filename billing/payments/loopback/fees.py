"""What the simulated Stripe keeps of a payment, so that net differs from gross as it does there."""

from decimal import Decimal

from billing.payments.loopback import currencies
from billing.payments.loopback.taxes import rounded

CARD_RATE = Decimal("0.015")
CARD_FIXED = 25
DEBIT_FIXED = 35
DISPUTE = 2000


def of_payment(amount: int, currency: str, method_type: str) -> int:
    """Return the processing fee in minor units, never more than the payment."""
    fixed = CARD_FIXED if method_type == "card" else DEBIT_FIXED
    rate = CARD_RATE if method_type == "card" else Decimal(0)
    scaled = Decimal(fixed) * 10 ** (currencies.digits(currency) - 2) if _has_cents(currency) else 0
    return min(amount, rounded(amount * rate + scaled))


def of_dispute(currency: str) -> int:
    """Return what a dispute costs the merchant on top of the amount."""
    return DISPUTE if _has_cents(currency) else 0


def _has_cents(currency: str) -> bool:
    return currencies.digits(currency) >= 2
