"""How a payment intent moves: tried, challenged, processing, succeeded, failed, canceled."""

from billing.payments.loopback import (
    cards,
    charges,
    clock,
    disputes,
    events,
    ids,
    methods,
    rendering,
)
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError
from billing.payments.loopback.store import Object

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELABLE = CONFIRMABLE | {"processing"}


def new(amount: int, currency: str, **fields: object) -> Object:
    """Return a fresh intent, not stored yet."""
    intent_id = ids.new("pi")
    intent: Object = {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": ids.client_secret(intent_id),
        "confirmation_method": "automatic",
        "created": clock.now(),
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_session": None,
        "_settle_at": None,
        "_return_url": None,
    }
    return intent | fields


def create(context: Context, intent: Object) -> Object:
    """Store a fresh intent."""
    context.store.insert(intent)
    events.emit(context, "payment_intent.created", intent)
    return intent


def attempt(context: Context, intent: Object, method: Object, *, off_session: bool = False) -> None:
    """Try to collect the money; the intent's status and last error tell how it went."""
    behaviour = cards.behaviour(method["_number"])
    intent |= {"last_payment_error": None, "next_action": None, "payment_method": method["id"]}
    if _needs_challenge(behaviour, method):
        if off_session:
            fail(context, intent, method, cards.AUTHENTICATION_REQUIRED)
        else:
            _challenge(context, intent)
    else:
        collect(context, intent, method)


def collect(context: Context, intent: Object, method: Object) -> None:
    """Ask the bank for the money; a debit answers later."""
    behaviour = cards.behaviour(method["_number"])
    if behaviour.delayed:
        _process(context, intent, method)
    elif behaviour.decline is not None:
        fail(context, intent, method, behaviour.decline)
    else:
        charge = charges.create(context, intent, method, "succeeded")
        _succeed(context, intent, method, charge)
        if behaviour.disputed:
            disputes.open_on(context, charge, reason="fraudulent")


def answer_challenge(context: Context, intent: Object, *, approved: bool) -> None:
    """End the payer's authentication; an intent that does not wait for one is left alone."""
    if intent["status"] != "requires_action":
        return
    method = context.store.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if approved:
        method["_authenticated"] = intent["setup_future_usage"] == "off_session"
        context.store.save(method)
        collect(context, intent, method)
    else:
        fail(context, intent, method, cards.AUTHENTICATION_FAILED, charged=False)


def settle(context: Context, intent: Object, *, succeeded: bool) -> None:
    """Let a processing debit arrive or bounce; it can end only once."""
    if intent["status"] != "processing":
        raise unexpected_state(intent, "settle")
    method = context.store.get("payment_method", intent["payment_method"])
    charge = context.store.get("charge", intent["latest_charge"])
    intent |= {"processing": None, "_settle_at": None}
    if succeeded:
        charge |= {"status": "succeeded", "paid": True}
        _succeed(context, intent, method, charge)
        return
    decline = cards.DEBIT_FAILED
    charge |= {"status": "failed", "captured": False, "amount_captured": 0}
    charge |= {"failure_code": decline.code, "failure_message": decline.message}
    context.store.save(charge)
    events.emit(context, "charge.failed", charge)
    _refuse(context, intent, method, decline, charge)


def cancel(context: Context, intent: Object, reason: str | None) -> Object:
    """Give an unpaid intent up for good."""
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(intent, "cancel")
    intent |= {"status": "canceled", "canceled_at": clock.now(), "cancellation_reason": reason}
    intent |= {"next_action": None, "processing": None, "_settle_at": None}
    context.store.save(intent)
    events.emit(context, "payment_intent.canceled", intent)
    return intent


def fail(
    context: Context,
    intent: Object,
    method: Object,
    decline: cards.Decline,
    *,
    charged: bool = True,
) -> None:
    """Record a refused attempt; the intent can be tried again with another method."""
    charge = None
    if charged:
        charge = charges.create(context, intent, method, "failed", decline)
        intent["latest_charge"] = charge["id"]
        events.emit(context, "charge.failed", charge)
    _refuse(context, intent, method, decline, charge)


def raise_refusal(intent: Object) -> None:
    """Answer an API call whose attempt was refused as Stripe does: 402 with the intent inside."""
    error = intent["last_payment_error"]
    if error is None:
        return
    decline = cards.Decline(error["code"], error["message"], error.get("decline_code"))
    facts = {"charge": error["charge"]} if "charge" in error else {}
    raise cards.refusal(
        decline,
        payment_intent=rendering.public(intent),
        payment_method=error["payment_method"],
        **facts,
    )


def unexpected_state(intent: Object, verb: str) -> ApiError:
    """Return the error for a verb that an intent's status does not allow."""
    kind = "SetupIntent" if intent["object"] == "setup_intent" else "PaymentIntent"
    return ApiError(
        f"You cannot {verb} this {kind} because it has a status of {intent['status']}.",
        code=f"{intent['object']}_unexpected_state",
        **{intent["object"]: rendering.public(intent)},
    )


def challenge_action(context: Context, intent: Object) -> Object:
    """Return the ``next_action`` that sends a payer to the bank's page."""
    url = f"{context.options.public_url}/3ds/{intent['client_secret']}"
    details = {"return_url": intent["_return_url"], "url": url}
    return {"type": "redirect_to_url", "redirect_to_url": details}


def _needs_challenge(behaviour: cards.Behaviour, method: Object) -> bool:
    if behaviour.challenge == "unless_saved":
        return not method["_authenticated"]
    return behaviour.challenge == "always"


def _challenge(context: Context, intent: Object) -> None:
    intent |= {"status": "requires_action", "next_action": challenge_action(context, intent)}
    context.store.save(intent)
    events.emit(context, "payment_intent.requires_action", intent)


def _process(context: Context, intent: Object, method: Object) -> None:
    charge = charges.create(context, intent, method, "pending")
    pause = context.options.settle_after
    intent |= {"status": "processing", "latest_charge": charge["id"]}
    intent |= {"processing": {"type": method["type"]}}
    intent["_settle_at"] = clock.now() + pause if pause else None
    context.store.save(intent)
    events.emit(context, "charge.pending", charge)
    events.emit(context, "payment_intent.processing", intent)
    _keep(context, intent, method)


def _succeed(context: Context, intent: Object, method: Object, charge: Object) -> None:
    context.store.save(charge)
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
    context.store.save(intent)
    events.emit(context, "charge.succeeded", charge)
    events.emit(context, "payment_intent.succeeded", intent)
    _keep(context, intent, method)
    charges.book(context, charge)


def _refuse(
    context: Context,
    intent: Object,
    method: Object,
    decline: cards.Decline,
    charge: Object | None,
) -> None:
    facts = {"charge": charge["id"]} if charge else {}
    error = cards.refusal(decline, payment_method=rendering.public(method), **facts)
    intent |= {"status": "requires_payment_method", "last_payment_error": error.body()}
    intent |= {"payment_method": None, "next_action": None}
    context.store.save(intent)
    events.emit(context, "payment_intent.payment_failed", intent)


def _keep(context: Context, intent: Object, method: Object) -> None:
    """Attach the method to the customer when the merchant asked to use it again."""
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        methods.attach(context, method, intent["customer"])
