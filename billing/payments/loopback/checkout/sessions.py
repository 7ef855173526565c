"""A checkout session's life: open, then complete or expired, and never back."""

from billing.payments.loopback import (
    clock,
    customers,
    events,
    ids,
    methods,
    payments,
    setups,
)
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError
from billing.payments.loopback.store import Object

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def new(context: Context, mode: str, **fields: object) -> Object:
    """Return a fresh session, not stored yet."""
    session_id = "cs_test_a1" + ids.random_text(56)
    session: Object = {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": clock.now(),
        "currency": None,
        "currency_conversion": None,
        "custom_fields": [],
        "customer": None,
        "customer_account": None,
        "customer_details": None,
        "discounts": [],
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": {}},
        "livemode": False,
        "managed_payments": None,
        "mode": mode,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always" if mode == "setup" else "if_required",
        "payment_method_configuration_details": None,
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "permissions": None,
        "recovered_from": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"{context.options.public_url}/c/pay/{session_id}",
        "wallet_options": None,
    }
    return session | fields


def intent_of(context: Context, session: Object) -> Object:
    """Return the session's intent; the first attempt to pay makes it."""
    field = "setup_intent" if session["mode"] == "setup" else "payment_intent"
    if session[field] is not None:
        return context.store.get(field, session[field])
    shared = session["_intent"] | {
        "customer": session["customer"],
        "payment_method_types": session["payment_method_types"],
        "_session": session["id"],
        "_return_url": f"{context.options.public_url}/c/pay/{session['id']}",
    }
    if field == "setup_intent":
        intent = setups.create(context, setups.new(**shared))
    else:
        fresh = payments.new(session["amount_total"], session["currency"], **shared)
        intent = payments.create(context, fresh)
    session[field] = intent["id"]
    context.store.save(session)
    return intent


def pay(context: Context, session: Object, method: Object) -> Object:
    """Try to pay (or to save the method) once; a session that is not open is left alone."""
    if session["status"] != "open":
        return session
    payer = method["billing_details"]
    session["_payer"] = {"name": payer["name"], "email": payer["email"]}
    _know_customer(context, session)
    intent = intent_of(context, session)
    if intent["object"] == "setup_intent":
        setups.attempt(context, intent, method)
    else:
        payments.attempt(context, intent, method)
    return conclude(context, session, intent)


def answer_challenge(context: Context, intent: Object, *, approved: bool) -> None:
    """End the payer's authentication, and with it perhaps the session."""
    if intent["object"] == "setup_intent":
        setups.answer_challenge(context, intent, approved=approved)
    else:
        payments.answer_challenge(context, intent, approved=approved)
    if intent["_session"]:
        session = context.store.get("checkout.session", intent["_session"])
        conclude(context, session, intent)


def conclude(context: Context, session: Object, intent: Object) -> Object:
    """Complete an open session whose intent has got as far as the payer can bring it."""
    if session["status"] != "open" or intent["status"] not in {"succeeded", "processing"}:
        return session
    if session["mode"] == "payment" and intent["status"] == "succeeded":
        session["payment_status"] = "paid"
    session |= {"status": "complete", "url": None, "customer_details": _details(context, session)}
    context.store.save(session)
    events.emit(context, "checkout.session.completed", session)
    return session


def settle(context: Context, intent: Object, *, succeeded: bool) -> None:
    """Let a bank debit arrive or bounce, and tell the session's merchant."""
    payments.settle(context, intent, succeeded=succeeded)
    if not intent["_session"]:
        return
    session = context.store.get("checkout.session", intent["_session"])
    if succeeded:
        session["payment_status"] = "paid"
        context.store.save(session)
    outcome = "succeeded" if succeeded else "failed"
    events.emit(context, f"checkout.session.async_payment_{outcome}", session)


def expire(context: Context, session: Object) -> Object:
    """Close an open session for good; an unpaid intent goes with it."""
    if session["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`."
        )
    session |= {"status": "expired", "url": None}
    context.store.save(session)
    if session["payment_intent"]:
        intent = context.store.get("payment_intent", session["payment_intent"])
        payments.cancel(context, intent, "automatic")
    if session["setup_intent"]:
        setup = context.store.get("setup_intent", session["setup_intent"])
        setups.cancel(context, setup, "abandoned")
    events.emit(context, "checkout.session.expired", session)
    return session


def success_url(session: Object) -> str:
    """Return where the payer goes after paying, with the session's id filled in."""
    url: str = session["success_url"]
    return url.replace(PLACEHOLDER, session["id"])


def _know_customer(context: Context, session: Object) -> None:
    """Make a customer of the payer where the merchant asked for one."""
    if session["customer"] is not None or session["customer_creation"] != "always":
        return
    customer = customers.create(context, **session["_payer"])
    session["customer"] = customer["id"]
    context.store.save(session)


def _details(context: Context, session: Object) -> Object:
    details: Object = {
        "address": dict(methods.NO_ADDRESS),
        "business_name": None,
        "email": session["_payer"]["email"],
        "individual_name": None,
        "name": session["_payer"]["name"],
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    if session["customer"]:
        customer = context.store.find(session["customer"], "customer") or {}
        details["email"] = customer.get("email") or details["email"]
    return details
