"""Charges and the balance they move: what one attempt at collecting money leaves behind."""

from billing.payments.loopback import cards, clock, events, fees, ids, methods
from billing.payments.loopback.context import Context
from billing.payments.loopback.store import Object

PENDING_SECONDS = 2 * 24 * 3600


def create(
    context: Context,
    intent: Object,
    method: Object,
    status: str,
    decline: cards.Decline | None = None,
) -> Object:
    """Record one attempt as ``succeeded``, ``pending`` or ``failed``."""
    paid = status == "succeeded"
    charge: Object = {
        "id": ids.new("ch" if method["type"] == "card" else "py"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if status != "failed" else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": context.options.merchant.upper()[:22],
        "captured": status != "failed",
        "created": clock.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(status, decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": methods.summary(method),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }
    return context.store.insert(charge)


def book(context: Context, charge: Object) -> None:
    """Put a successful charge on the balance, after its event, as automatic_async capture does."""
    fee = fees.of_payment(
        charge["amount"], charge["currency"], charge["payment_method_details"]["type"]
    )
    kind = "charge" if charge["id"].startswith("ch_") else "payment"
    entry = balance_entry(context, charge, kind, charge["amount"], fee=fee)
    events.change(context, charge, "charge.updated", balance_transaction=entry["id"])


def balance_entry(
    context: Context, source: Object, kind: str, amount: int, *, fee: int = 0
) -> Object:
    """Record a movement of the merchant's balance: gross, fee and net."""
    created = clock.now()
    detail: Object = {
        "amount": fee,
        "application": None,
        "currency": source["currency"],
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return context.store.insert(
        {
            "id": ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": created + PENDING_SECONDS,
            "balance_type": "payments",
            "created": created,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [detail] if fee else [],
            "net": amount - fee,
            "reporting_category": "dispute" if kind == "adjustment" else _category(kind),
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )


def _category(kind: str) -> str:
    return {"payment": "charge", "payment_refund": "refund"}.get(kind, kind)


def _outcome(status: str, decline: cards.Decline | None) -> Object:
    if decline is None:
        network = "approved_by_network" if status == "succeeded" else "not_sent_to_network"
        message = "Payment complete." if status == "succeeded" else "Payment pending."
        kind, reason = "authorized", None
    else:
        network, reason = "declined_by_network", decline.decline_code or decline.code
        message, kind = "The bank declined the payment.", "issuer_declined"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": message,
        "type": kind,
    }
