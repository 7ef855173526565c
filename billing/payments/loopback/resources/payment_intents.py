"""``/v1/payment_intents``."""

from billing.payments.loopback import currencies, customers, methods, pagination, payments
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError, InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object

CANCELLATIONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
USAGES = ("off_session", "on_session")


def create(context: Context, params: Parameters) -> Object:
    """Make an intent and, with ``confirm``, try to collect it at once."""
    amount = params.needed_integer("amount")
    currency = currencies.read(params)
    currencies.check_charge(amount, currency, "amount")
    customer = fields.customer(params)
    if customer:
        customers.existing(context, customer)
    intent = payments.new(amount, currency, customer=customer, **_details(params, {}))
    intent |= fields.method_types(params, currency)
    intent["_return_url"] = params.url("return_url")
    _automatic(params)
    params.choice("capture_method", ("automatic", "automatic_async"))
    _choose_method(context, params, intent)
    payments.create(context, intent)
    if params.flag("confirm"):
        _attempt(context, params, intent)
    elif params.flag("off_session") is not None:
        message = "off_session can only be sent with confirm=true."
        raise InvalidParameter(message, param="off_session")
    return intent


def retrieve(context: Context, params: Parameters, intent: str) -> Object:
    """Return one intent."""
    params.text("client_secret")
    return context.store.get("payment_intent", intent)


def update(context: Context, params: Parameters, intent: str) -> Object:
    """Change an intent; its amount only while nothing has been tried successfully."""
    found = context.store.get("payment_intent", intent)
    changes = _details(params, found)
    if params.has("amount"):
        if found["status"] not in payments.CONFIRMABLE:
            raise payments.unexpected_state(found, "update")
        changes["amount"] = params.needed_integer("amount")
        currencies.check_charge(changes["amount"], found["currency"], "amount")
    found |= changes
    return context.store.save(found)


def confirm(context: Context, params: Parameters, intent: str) -> Object:
    """Try to collect an intent's money."""
    found = context.store.get("payment_intent", intent)
    if found["status"] not in payments.CONFIRMABLE:
        raise payments.unexpected_state(found, "confirm")
    found |= _details(params, found)
    found["_return_url"] = params.url("return_url") or found["_return_url"]
    _choose_method(context, params, found)
    _attempt(context, params, found)
    return found


def cancel(context: Context, params: Parameters, intent: str) -> Object:
    """Give an unpaid intent up; one that a checkout page owns ends with its session."""
    found = context.store.get("payment_intent", intent)
    reason = params.choice("cancellation_reason", CANCELLATIONS)
    if found["_session"]:
        raise ApiError(
            "You cannot cancel PaymentIntents created by Checkout. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )
    return payments.cancel(context, found, reason)


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of intents."""
    wanted = pagination.Filter()
    wanted.equal("customer", fields.customer(params))
    return pagination.page(context, params, "payment_intent", "/v1/payment_intents", wanted)


def _attempt(context: Context, params: Parameters, intent: Object) -> None:
    off_session = params.flag("off_session") is True
    refuses_action = params.flag("error_on_requires_action") is True
    if intent["payment_method"] is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. "
            "To confirm the PaymentIntent with a payment method, send payment_method."
        )
        raise ApiError(message, code="payment_intent_unexpected_state")
    # Unknown parameters must refuse the request before money moves: a refused card is kept.
    params.finish()
    method = context.store.get("payment_method", intent["payment_method"])
    payments.attempt(context, intent, method, off_session=off_session or refuses_action)
    payments.raise_refusal(intent)


def _choose_method(context: Context, params: Parameters, intent: Object) -> None:
    reference = params.text("payment_method")
    if reference is None:
        return
    method = methods.resolve(context, reference)
    if method["customer"] not in {None, intent["customer"]}:
        raise ApiError(
            "The PaymentMethod belongs to a customer. Please include that customer in the "
            "`customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    if method["type"] not in intent["payment_method_types"]:
        message = f"The PaymentMethod type {method['type']} is not allowed for this PaymentIntent."
        raise ApiError(message, param="payment_method")
    intent["payment_method"] = method["id"]
    if intent["status"] == "requires_payment_method":
        intent["status"] = "requires_confirmation"


def _details(params: Parameters, found: Object) -> Object:
    names = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")
    changes = fields.texts(params, *names)
    changes |= fields.metadata(params, found.get("metadata", {}))
    if params.has("setup_future_usage"):
        changes["setup_future_usage"] = params.choice("setup_future_usage", USAGES)
    for name in ("mandate", "payment_method_options", "use_stripe_sdk"):
        params.echo(name)
    return changes


def _automatic(params: Parameters) -> None:
    automatic = params.child("automatic_payment_methods")
    if automatic is not None:
        automatic.flag("enabled")
        automatic.choice("allow_redirects", ("always", "never"))
