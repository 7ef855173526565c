"""Parameters that many resources share."""

from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.methods import NO_ADDRESS
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.store import Object


def texts(params: Parameters, *names: str) -> Object:
    """Return the strings that were sent; an empty one unsets its field."""
    return {name: params.text(name) for name in names if params.has(name)}


def metadata(params: Parameters, before: Object) -> Object:
    """Return the metadata after merging what was sent; an empty value removes its key."""
    sent = params.metadata()
    if sent is None:
        return {}
    merged = before | sent if sent else {}
    return {"metadata": {key: value for key, value in merged.items() if value != ""}}


def address(params: Parameters, name: str) -> Object | None:
    """Return a postal address with every part named, or none."""
    child = params.child(name)
    if child is None:
        return None
    return {part: child.text(part) for part in NO_ADDRESS}


def method_types(params: Parameters, currency: str | None) -> Object:
    """Return which kinds of payment method an intent or session offers, after its filters."""
    if params.has("payment_method_types"):
        raise InvalidParameter(
            "The parameter `payment_method_types` is no longer supported in API version "
            "2026-09-30.endive and later. Use `allowed_payment_method_types` instead.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )
    available = ["card", "sepa_debit"] if currency == "eur" else ["card"]
    allowed = params.texts("allowed_payment_method_types")
    excluded = params.texts("excluded_payment_method_types")
    offered = [k for k in available if (not allowed or k in allowed) and k not in excluded]
    if not offered:
        raise InvalidParameter(
            "No valid payment method types for this request. The loopback Stripe simulates card, "
            "and sepa_debit in eur.",
            param="allowed_payment_method_types",
        )
    return {
        "payment_method_types": offered,
        "allowed_payment_method_types": allowed or None,
        "excluded_payment_method_types": excluded or None,
    }


def customer(params: Parameters) -> str | None:
    """Return the id of a customer that may be named."""
    return params.text("customer", limit=255)
