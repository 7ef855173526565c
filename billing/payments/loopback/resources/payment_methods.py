"""``/v1/payment_methods``."""

from billing.payments.loopback import cards, customers, events, methods, pagination
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError, InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object


def create(context: Context, params: Parameters) -> Object:
    """Make a method from a test card, a ``tok_…`` shorthand or a test account."""
    kind = params.choice("type", ("card", "sepa_debit"))
    details = params.child(kind) if kind else None
    if details is None:
        raise InvalidParameter(
            "Missing required param: type.", code="parameter_missing", param="type"
        )
    payer = _payer(params)
    if kind == "card":
        method = methods.of_card(context, _card(details), payer)
    else:
        method = methods.of_account(context, cards.digits(details.needed("iban")), payer)
    method["metadata"] = params.metadata() or {}
    return context.store.save(method)


def retrieve(context: Context, params: Parameters, method: str) -> Object:
    """Return one method."""
    return context.store.get("payment_method", method)


def update(context: Context, params: Parameters, method: str) -> Object:
    """Change a method's metadata."""
    found = context.store.get("payment_method", method)
    found |= fields.metadata(params, found["metadata"])
    return context.store.save(found)


def attach(context: Context, params: Parameters, method: str) -> Object:
    """Keep a method for a customer's later payments."""
    customer = params.needed("customer")
    customers.existing(context, customer)
    found = methods.resolve(context, method, param="id")
    behaviour = cards.behaviour(found["_number"])
    if behaviour.decline and behaviour.declines_setup and not behaviour.delayed:
        raise cards.refusal(behaviour.decline)
    return methods.attach(context, found, customer)


def detach(context: Context, params: Parameters, method: str) -> Object:
    """Take a method from its customer."""
    found = context.store.get("payment_method", method)
    customer = found["customer"]
    if customer is None:
        message = "The payment method you provided is not attached to a customer so detachment "
        raise ApiError(message + "is impossible.", code="payment_method_unexpected_state")
    found["customer"] = None
    context.store.save(found)
    _forget_default(context, customer, method)
    events.emit(context, "payment_method.detached", found, {"customer": customer})
    return found


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of a customer's methods."""
    return _page(context, params, params.needed("customer"), "/v1/payment_methods")


def of_customer(context: Context, params: Parameters, customer: str) -> Object:
    """Return a page of a customer's methods, by the customer's address."""
    return _page(context, params, customer, f"/v1/customers/{customer}/payment_methods")


def _page(context: Context, params: Parameters, customer: str, url: str) -> Object:
    customers.existing(context, customer)
    wanted = pagination.Filter()
    wanted.equal("customer", customer)
    wanted.equal("type", params.text("type"))
    return pagination.page(context, params, "payment_method", url, wanted)


def _forget_default(context: Context, customer_id: str, method_id: str) -> None:
    customer = context.store.get("customer", customer_id)
    settings = customer["invoice_settings"]
    if settings["default_payment_method"] == method_id:
        settings = settings | {"default_payment_method": None}
        events.change(context, customer, "customer.updated", invoice_settings=settings)


def _payer(params: Parameters) -> Object:
    details = params.child("billing_details")
    if details is None:
        return methods.billing_details()
    payer = methods.billing_details(details.text("name"), details.text("email"))
    payer["phone"] = details.text("phone")
    payer["address"] = fields.address(details, "address") or payer["address"]
    return payer


def _card(details: Parameters) -> methods.CardDetails:
    token = details.text("token")
    if token:
        number = cards.SHORTHANDS.get(token.removeprefix("tok_"))
        if number is None:
            message = f"No such token: '{token}'"
            raise ApiError(message, code="resource_missing", param="card[token]")
        return methods.CardDetails(number)
    number = cards.digits(details.needed("number"))
    month = details.integer("exp_month", minimum=1, maximum=12) or 12
    year = details.integer("exp_year", minimum=2000, maximum=2100) or 2034
    details.text("cvc")
    return methods.CardDetails(number, month, year)
