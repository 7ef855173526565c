"""Stripe's shapes in our words; minor units exist only in this folder."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.payments.provider import CheckoutSession, PaymentEvent
from common.money import Money, minor_digits

#: The events that can change an order; all others are recorded and nothing more.
SESSION_EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)


def to_minor(money: Money) -> int:
    """Return the amount in the currency's smallest unit, exactly."""
    scaled = money.amount.scaleb(minor_digits(money.currency))
    if scaled != scaled.to_integral_value():
        raise ValueError("an amount to be paid was not rounded")
    return int(scaled)


def from_minor(units: int, currency: str) -> Money:
    """Return the amount that so many smallest units are."""
    code = currency.upper()
    return Money(Decimal(units).scaleb(-minor_digits(code)), code)


def session(given: Mapping[str, Any]) -> CheckoutSession:
    """Read a checkout session."""
    return CheckoutSession(
        session_id=given["id"],
        order_id=given.get("client_reference_id") or "",
        url=given.get("url") or "",
        is_paid=given.get("payment_status") == "paid",
        is_expired=given.get("status") == "expired",
        amount=from_minor(given.get("amount_total") or 0, given.get("currency") or ""),
        payment_reference=str(given.get("payment_intent") or ""),
    )


def event(given: Mapping[str, Any]) -> PaymentEvent:
    """Read an event's envelope; what it carries is only a hint of what to fetch."""
    subject = given["data"]["object"]
    object_id = str(subject.get("id") or "")
    return PaymentEvent(
        event_id=given["id"],
        type=given["type"],
        object_id=object_id,
        session_id=object_id if given["type"] in SESSION_EVENTS else "",
        happened_at=datetime.fromtimestamp(given["created"], UTC),
    )
