"""How a setup intent moves: a card or account is saved for later without taking money."""

from billing.payments.loopback import cards, clock, events, ids, methods, payments, rendering
from billing.payments.loopback.context import Context
from billing.payments.loopback.store import Object


def new(**fields: object) -> Object:
    """Return a fresh setup intent, not stored yet."""
    intent_id = ids.new("seti")
    intent: Object = {
        "id": intent_id,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "cancellation_reason": None,
        "client_secret": ids.client_secret(intent_id),
        "created": clock.now(),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
        "_session": None,
        "_return_url": None,
    }
    return intent | fields


def create(context: Context, intent: Object) -> Object:
    """Store a fresh setup intent."""
    context.store.insert(intent)
    events.emit(context, "setup_intent.created", intent)
    return intent


def attempt(context: Context, intent: Object, method: Object) -> None:
    """Try to save a method; the intent's status and last error tell how it went."""
    behaviour = cards.behaviour(method["_number"])
    intent |= {"last_setup_error": None, "next_action": None, "payment_method": method["id"]}
    if behaviour.challenge != "never":
        action = payments.challenge_action(context, intent)
        intent |= {"status": "requires_action", "next_action": action}
        context.store.save(intent)
        events.emit(context, "setup_intent.requires_action", intent)
    elif behaviour.decline and behaviour.declines_setup and not behaviour.delayed:
        _refuse(context, intent, method, behaviour.decline)
    else:
        _succeed(context, intent, method)


def answer_challenge(context: Context, intent: Object, *, approved: bool) -> None:
    """End the payer's authentication; an intent that does not wait for one is left alone."""
    if intent["status"] != "requires_action":
        return
    method = context.store.get("payment_method", intent["payment_method"])
    if not approved:
        _refuse(context, intent, method, cards.SETUP_AUTHENTICATION_FAILED)
        return
    method["_authenticated"] = True
    context.store.save(method)
    _succeed(context, intent, method)


def cancel(context: Context, intent: Object, reason: str | None) -> Object:
    """Give an unfinished setup up for good."""
    if intent["status"] not in payments.CONFIRMABLE:
        raise payments.unexpected_state(intent, "cancel")
    intent |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    context.store.save(intent)
    events.emit(context, "setup_intent.canceled", intent)
    return intent


def raise_refusal(intent: Object) -> None:
    """Answer an API call whose attempt was refused: 402 with the setup intent inside."""
    error = intent["last_setup_error"]
    if error is None:
        return
    decline = cards.Decline(error["code"], error["message"], error.get("decline_code"))
    raise cards.refusal(
        decline, setup_intent=rendering.public(intent), payment_method=error["payment_method"]
    )


def _succeed(context: Context, intent: Object, method: Object) -> None:
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    context.store.save(intent)
    events.emit(context, "setup_intent.succeeded", intent)
    if intent["customer"] and method["customer"] is None:
        methods.attach(context, method, intent["customer"])


def _refuse(context: Context, intent: Object, method: Object, decline: cards.Decline) -> None:
    error = cards.refusal(decline, payment_method=rendering.public(method))
    intent |= {"status": "requires_payment_method", "last_setup_error": error.body()}
    intent |= {"payment_method": None, "next_action": None}
    context.store.save(intent)
    events.emit(context, "setup_intent.setup_failed", intent)
