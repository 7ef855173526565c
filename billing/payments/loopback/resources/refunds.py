"""``/v1/refunds``: money back to the payer, never more than was paid."""

from billing.payments.loopback import (
    charges,
    clock,
    currencies,
    events,
    ids,
    pagination,
)
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError, InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(context: Context, params: Parameters) -> Object:
    """Give back all that is left of a payment, or a part of it."""
    charge = _charge(context, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.integer("amount", minimum=1)
    _check(charge, amount, left)
    refund = context.store.insert(_new(params, charge, amount or left))
    kind = "refund" if charge["id"].startswith("ch_") else "payment_refund"
    entry = charges.balance_entry(context, refund, kind, -refund["amount"])
    refund["balance_transaction"] = entry["id"]
    context.store.save(refund)
    _count(context, charge, refund["amount"])
    events.emit(context, "refund.created", refund)
    events.emit(context, "charge.refunded", charge)
    return refund


def retrieve(context: Context, params: Parameters, refund: str) -> Object:
    """Return one refund."""
    return context.store.get("refund", refund)


def update(context: Context, params: Parameters, refund: str) -> Object:
    """Change a refund's metadata."""
    found = context.store.get("refund", refund)
    changes = fields.metadata(params, found["metadata"])
    return events.change(context, found, "refund.updated", **changes)


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of refunds."""
    wanted = pagination.Filter()
    wanted.equal("charge", params.text("charge"))
    wanted.equal("payment_intent", params.text("payment_intent"))
    return pagination.page(context, params, "refund", "/v1/refunds", wanted)


def fail(context: Context, refund: Object) -> Object:
    """Let the payer's bank reject a refund: the money is the merchant's again."""
    if refund["status"] != "succeeded":
        raise ApiError(f"Refund {refund['id']} has already failed.")
    charge = context.store.get("charge", refund["charge"])
    entry = charges.balance_entry(context, refund, "refund_failure", refund["amount"])
    refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    refund["failure_balance_transaction"] = entry["id"]
    context.store.save(refund)
    _count(context, charge, -refund["amount"])
    events.emit(context, "refund.updated", refund, {"status": "succeeded"})
    events.emit(context, "refund.failed", refund)
    return refund


def _charge(context: Context, params: Parameters) -> Object:
    charge_id, intent_id = params.text("charge"), params.text("payment_intent")
    if bool(charge_id) == bool(intent_id):
        message = "One of the following params should be provided for this request: "
        raise InvalidParameter(message + "payment_intent or charge.", code="parameter_missing")
    if intent_id:
        intent = context.store.get("payment_intent", intent_id, param="payment_intent")
        charge_id = intent["latest_charge"]
        if intent["status"] != "succeeded":
            message = (
                f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
            )
            raise ApiError(message, param="payment_intent")
    return context.store.get("charge", charge_id or "", param="charge")


def _check(charge: Object, amount: int | None, left: int) -> None:
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise ApiError(message, code="charge_disputed")
    if charge["status"] != "succeeded":
        message = f"Charge {charge['id']} was not successful and cannot be refunded."
        raise ApiError(message, param="charge")
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise ApiError(message, code="charge_already_refunded")
    if amount is not None and amount > left:
        asked, unrefunded = (currencies.show(n, charge["currency"]) for n in (amount, left))
        raise ApiError(
            f"Refund amount ({asked}) is greater than unrefunded amount on charge ({unrefunded})",
            param="amount",
        )


def _count(context: Context, charge: Object, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    context.store.save(charge)


def _new(params: Parameters, charge: Object, amount: int) -> Object:
    kind = charge["payment_method_details"]["type"]
    details: Object = {"type": "refund", "reference_status": "pending"} if kind == "card" else {}
    return {
        "id": ids.new("re" if kind == "card" else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": clock.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {kind: details, "type": kind},
        "metadata": params.metadata() or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.choice("reason", REASONS),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
