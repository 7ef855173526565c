"""``/v1/setup_intents``."""

from billing.payments.loopback import customers, methods, pagination, payments, setups
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object

USAGES = ("off_session", "on_session")
CANCELLATIONS = ("abandoned", "duplicate", "requested_by_customer")


def create(context: Context, params: Parameters) -> Object:
    """Make a setup intent and, with ``confirm``, try to save the method at once."""
    customer = fields.customer(params)
    if customer:
        customers.existing(context, customer)
    intent = setups.new(
        customer=customer,
        description=params.text("description", limit=1000),
        metadata=params.metadata() or {},
        usage=params.choice("usage", USAGES) or "off_session",
        _return_url=params.url("return_url"),
    )
    intent |= fields.method_types(params, "eur")
    params.echo("automatic_payment_methods")
    _choose_method(context, params, intent)
    setups.create(context, intent)
    if params.flag("confirm"):
        _attempt(context, params, intent)
    return intent


def retrieve(context: Context, params: Parameters, intent: str) -> Object:
    """Return one setup intent."""
    params.text("client_secret")
    return context.store.get("setup_intent", intent)


def confirm(context: Context, params: Parameters, intent: str) -> Object:
    """Try to save a setup intent's method."""
    found = context.store.get("setup_intent", intent)
    if found["status"] not in payments.CONFIRMABLE:
        raise payments.unexpected_state(found, "confirm")
    found["_return_url"] = params.url("return_url") or found["_return_url"]
    params.echo("mandate_data")
    _choose_method(context, params, found)
    _attempt(context, params, found)
    return found


def cancel(context: Context, params: Parameters, intent: str) -> Object:
    """Give an unfinished setup up."""
    found = context.store.get("setup_intent", intent)
    return setups.cancel(context, found, params.choice("cancellation_reason", CANCELLATIONS))


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of setup intents."""
    wanted = pagination.Filter()
    wanted.equal("customer", fields.customer(params))
    wanted.equal("payment_method", params.text("payment_method"))
    return pagination.page(context, params, "setup_intent", "/v1/setup_intents", wanted)


def _choose_method(context: Context, params: Parameters, intent: Object) -> None:
    if reference := params.text("payment_method"):
        intent["payment_method"] = methods.resolve(context, reference)["id"]
        intent["status"] = "requires_confirmation"


def _attempt(context: Context, params: Parameters, intent: Object) -> None:
    if intent["payment_method"] is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise ApiError(message, code="setup_intent_unexpected_state")
    params.finish()
    method = context.store.get("payment_method", intent["payment_method"])
    setups.attempt(context, intent, method)
    setups.raise_refusal(intent)
