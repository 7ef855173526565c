"""``/v1/charges``, ``/v1/balance_transactions`` and ``/v1/disputes``: what has happened to money."""

from billing.payments.loopback import clock, disputes, events, pagination, rendering
from billing.payments.loopback.context import Context
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object


def retrieve_charge(context: Context, params: Parameters, charge: str) -> Object:
    """Return one charge."""
    return context.store.get("charge", charge)


def update_charge(context: Context, params: Parameters, charge: str) -> Object:
    """Change a charge's notes."""
    found = context.store.get("charge", charge)
    changes = fields.texts(params, "description", "receipt_email")
    changes |= fields.metadata(params, found["metadata"])
    return events.change(context, found, "charge.updated", **changes)


def list_charges(context: Context, params: Parameters) -> Object:
    """Return a page of charges."""
    wanted = pagination.Filter()
    wanted.equal("customer", fields.customer(params))
    wanted.equal("payment_intent", params.text("payment_intent"))
    return pagination.page(context, params, "charge", "/v1/charges", wanted)


def charge_refunds(context: Context, params: Parameters, charge: str) -> Object:
    """Return a page of a charge's refunds."""
    context.store.get("charge", charge)
    wanted = pagination.Filter()
    wanted.equal("charge", charge)
    return pagination.page(context, params, "refund", f"/v1/charges/{charge}/refunds", wanted)


def retrieve_entry(context: Context, params: Parameters, entry: str) -> Object:
    """Return one movement of the balance."""
    return _with_status(context.store.get("balance_transaction", entry))


def list_entries(context: Context, params: Parameters) -> Object:
    """Return a page of movements of the balance."""
    wanted = pagination.Filter()
    for name in ("currency", "source", "type"):
        wanted.equal(name, params.text(name))
    url = "/v1/balance_transactions"
    page = pagination.page(context, params, "balance_transaction", url, wanted)
    return rendering.list_of(
        [_with_status(entry) for entry in page["data"]], url, has_more=page["has_more"]
    )


def retrieve_dispute(context: Context, params: Parameters, dispute: str) -> Object:
    """Return one dispute."""
    return context.store.get("dispute", dispute)


def list_disputes(context: Context, params: Parameters) -> Object:
    """Return a page of disputes."""
    wanted = pagination.Filter()
    wanted.equal("charge", params.text("charge"))
    wanted.equal("payment_intent", params.text("payment_intent"))
    return pagination.page(context, params, "dispute", "/v1/disputes", wanted)


def close_dispute(context: Context, params: Parameters, dispute: str) -> Object:
    """Accept a dispute as lost."""
    return disputes.close(context, context.store.get("dispute", dispute), "lost")


def _with_status(entry: Object) -> Object:
    entry["status"] = "available" if entry["available_on"] <= clock.now() else "pending"
    return entry
