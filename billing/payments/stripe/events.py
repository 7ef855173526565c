"""Stripe's shapes in our words; minor units exist only in this folder."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from billing.payments.provider import BankDispute, CheckoutSession, PaymentEvent, SavedMethod
from common.money import Money, minor_digits

SESSION_EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
DISPUTE_EVENTS = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
#: A bank would not take a refund: its money is the operator's again.
BOUNCED = "refund.failed"
PAYMENT_EVENTS = ("charge.refunded", BOUNCED, *DISPUTE_EVENTS)
INTENT_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
)
#: The events that can change an order; all others are recorded and nothing more.
ORDER_EVENTS = SESSION_EVENTS + PAYMENT_EVENTS + INTENT_EVENTS


#: Where Stripe counts otherwise than ISO 4217 does: in hundredths that nobody uses any more, and
#: in whole ariary.
DIGITS = {"ISK": 2, "MGA": 0, "UGX": 2}
#: From so many decimals on Stripe charges in steps of ten of the smallest units.
THOUSANDTHS = 3


def _digits(currency: str) -> int:
    return DIGITS.get(currency, minor_digits(currency))


def to_minor(money: Money) -> int:
    """Return the amount in the smallest unit that Stripe knows of the currency, exactly."""
    scaled = money.amount.scaleb(_digits(money.currency))
    if scaled != scaled.to_integral_value():
        raise ValueError("an amount to be paid was not rounded")
    return int(scaled)


def chargeable(money: Money) -> Money:
    """Return the least amount from there up that Stripe charges.

    Of a currency with three decimals it takes amounts whose last digit is zero, and no other.
    """
    if _digits(money.currency) < THOUSANDTHS:
        return money
    amount = money.amount.quantize(Decimal("0.01"), rounding=ROUND_CEILING)
    return Money(amount.quantize(Decimal("0.001")), money.currency)


def from_minor(units: int, currency: str) -> Money:
    """Return the amount that so many smallest units are."""
    code = currency.upper()
    return Money(Decimal(units).scaleb(-_digits(code)), code)


def session(given: Mapping[str, Any]) -> CheckoutSession:
    """Read a checkout session, with its payment and charge where they come along."""
    currency = given.get("currency") or ""
    payment = given.get("payment_intent") or ""
    charge = payment.get("latest_charge") if isinstance(payment, Mapping) else None
    refunded = charge.get("amount_refunded") if isinstance(charge, Mapping) else 0
    return CheckoutSession(
        session_id=given["id"],
        order_id=given.get("client_reference_id") or "",
        url=given.get("url") or "",
        is_paid=given.get("payment_status") == "paid",
        is_expired=given.get("status") == "expired",
        amount=from_minor(given.get("amount_total") or 0, currency),
        payment_reference=str(payment["id"] if isinstance(payment, Mapping) else payment),
        refunded=from_minor(refunded or 0, currency),
        # A page that was completed and whose debit bounced afterwards.
        failure=_failure(payment) if given.get("status") == "complete" else "",
    )


def payment(given: Mapping[str, Any]) -> CheckoutSession:
    """Read a payment that no page led to, with its charge where that comes along."""
    charge = given.get("latest_charge")
    refunded = charge.get("amount_refunded") if isinstance(charge, Mapping) else 0
    return CheckoutSession(
        session_id="",
        order_id=(given.get("metadata") or {}).get("order") or "",
        url="",
        is_paid=given.get("status") == "succeeded",
        is_expired=False,
        amount=from_minor(given["amount"], given["currency"]),
        payment_reference=given["id"],
        refunded=from_minor(refunded or 0, given["currency"]),
        failure=_failure(given),
    )


def _failure(given: Any) -> str:
    """Return why a payment has failed; empty for one that has not."""
    if not isinstance(given, Mapping):
        return ""
    status, error = given.get("status"), given.get("last_payment_error") or {}
    if status == "canceled" or (status == "requires_payment_method" and error):
        return str(error.get("decline_code") or error.get("code") or status)[:60]
    return ""


#: Stripe's words for how a dispute stands in ours; it adds words now and then.
DISPUTE_STATES = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "closed",
    "prevented": "closed",
    "won": "won",
    "lost": "lost",
}


def dispute(given: Mapping[str, Any]) -> BankDispute:
    """Read a dispute, with the movements of the account that it has led to."""
    moves = given.get("balance_transactions") or []
    fee_currency = moves[0]["currency"] if moves else given["currency"]
    due_by = (given.get("evidence_details") or {}).get("due_by")
    return BankDispute(
        dispute_id=given["id"],
        payment_reference=str(given.get("payment_intent") or ""),
        status=DISPUTE_STATES.get(given["status"], "open"),
        reason=str(given.get("reason") or "")[:60],
        amount=from_minor(given["amount"], given["currency"]),
        withdrawn=_withdrawn(given, moves),
        fee=from_minor(sum(move.get("fee") or 0 for move in moves), fee_currency),
        moves=len(moves),
        opened_at=datetime.fromtimestamp(given["created"], UTC),
        answer_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
    )


def _withdrawn(given: Mapping[str, Any], moves: Sequence[Mapping[str, Any]]) -> Money:
    """Return what of a dispute is out of the account now.

    Of an account in another currency the movements say only whether it is out: it comes back at
    another rate than it went at.
    """
    if all(move["currency"] == given["currency"] for move in moves):
        out = -sum(move["amount"] for move in moves)
        return from_minor(max(out, 0), given["currency"])
    times_out = sum((move["amount"] < 0) - (move["amount"] > 0) for move in moves)
    return from_minor(given["amount"] if times_out > 0 else 0, given["currency"])


def method(given: Mapping[str, Any]) -> SavedMethod:
    """Read a saved method."""
    kind = given["type"]
    details = given.get(kind) or {}
    month, year = details.get("exp_month"), details.get("exp_year")
    return SavedMethod(
        method_id=given["id"],
        kind=kind,
        brand=details.get("brand") or "",
        last_four=details.get("last4") or "",
        expires=f"{month:02}/{year}" if month and year else "",
    )


def is_refund(given: Mapping[str, Any], refund_id: uuid.UUID) -> bool:
    """Whether a refund is this one of ours, paid or on its way: one that a bank sent back is not."""
    is_ours = (given.get("metadata") or {}).get("refund") == str(refund_id)
    return is_ours and given.get("status") not in ("failed", "canceled")


def event(given: Mapping[str, Any]) -> PaymentEvent:
    """Read an event's envelope; what it carries is only a hint of what to fetch."""
    subject = given["data"]["object"]
    object_id, kind = str(subject.get("id") or ""), given["type"]
    payment = str(subject.get("payment_intent") or "")
    is_setup = kind in SESSION_EVENTS and subject.get("mode") == "setup"
    if kind in INTENT_EVENTS:
        payment = object_id
    return PaymentEvent(
        event_id=given["id"],
        type=kind,
        object_id=object_id,
        happened_at=datetime.fromtimestamp(given["created"], UTC),
        session_id=object_id if kind in SESSION_EVENTS and not is_setup else "",
        payment_reference=payment if kind in PAYMENT_EVENTS + INTENT_EVENTS else "",
        customer_id=str(subject.get("customer") or "") if is_setup else "",
        dispute_id=object_id if kind in DISPUTE_EVENTS else "",
        bounced=object_id if kind == BOUNCED else "",
    )
