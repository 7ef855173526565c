"""Disputes: the payer's bank takes a payment back, and may lose or win."""

from billing.payments.loopback import charges, clock, events, fees, ids
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError
from billing.payments.loopback.store import Object

ANSWER_SECONDS = 7 * 24 * 3600
EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "product_description",
    "receipt",
    "refund_policy",
    "service_date",
    "service_documentation",
    "uncategorized_file",
    "uncategorized_text",
)
REASONS = (
    "fraudulent",
    "general",
    "duplicate",
    "product_not_received",
    "subscription_canceled",
    "unrecognized",
)


def open_on(
    context: Context,
    charge: Object,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    is_inquiry: bool = False,
) -> Object:
    """Take a successful charge back, once; amount and fee leave the balance at once.

    With an inquiry the bank only asks, and nothing leaves.
    """
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise ApiError(f"Charge {charge['id']} cannot be disputed.", code="charge_not_disputable")
    dispute = context.store.insert(_new(charge, reason, amount or charge["amount"]))
    charge["disputed"] = True
    context.store.save(charge)
    if is_inquiry:
        dispute["status"] = "warning_needs_response"
        context.store.save(dispute)
    events.emit(context, "charge.dispute.created", dispute)
    if not is_inquiry:
        _withdraw(context, dispute)
    return dispute


def escalate(context: Context, dispute: Object) -> Object:
    """Let an inquiry become a dispute: its money leaves now."""
    if not dispute["status"].startswith("warning"):
        raise ApiError(f"Dispute {dispute['id']} is no inquiry.")
    dispute["status"] = "needs_response"
    context.store.save(dispute)
    events.emit(context, "charge.dispute.updated", dispute)
    _withdraw(context, dispute)
    return dispute


def _withdraw(context: Context, dispute: Object) -> None:
    _move(context, dispute, -dispute["amount"], fee=fees.of_dispute(dispute["currency"]))
    events.emit(context, "charge.dispute.funds_withdrawn", dispute)


def close(context: Context, dispute: Object, status: str) -> Object:
    """End a dispute as ``won`` (the money comes back) or ``lost``, an inquiry as ``warning_closed``.

    A bank may still change its mind about one that was lost.
    """
    is_changed = (dispute["status"], status) == ("lost", "won")
    if dispute["status"] in {"won", "lost", "warning_closed"} and not is_changed:
        raise ApiError(f"Dispute {dispute['id']} is already closed.")
    dispute |= {"status": status, "is_charge_refundable": False}
    if status == "won":
        _move(context, dispute, dispute["amount"])
        events.emit(context, "charge.dispute.funds_reinstated", dispute)
    context.store.save(dispute)
    events.emit(context, "charge.dispute.closed", dispute)
    return dispute


def _move(context: Context, dispute: Object, amount: int, *, fee: int = 0) -> None:
    entry = charges.balance_entry(context, dispute, "adjustment", amount, fee=fee)
    dispute["balance_transactions"].append(entry)
    context.store.save(dispute)


def _new(charge: Object, reason: str, amount: int) -> Object:
    created = clock.now()
    return {
        "id": ids.new("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": created + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
