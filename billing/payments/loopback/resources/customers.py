"""``/v1/customers``."""

from billing.payments.loopback import customers, events, methods, pagination
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object

TEXTS = ("business_name", "description", "email", "individual_name", "name", "phone")


def create(context: Context, params: Parameters) -> Object:
    """Make a customer, with a payment method of theirs if one is sent."""
    customer = customers.create(context, **_read(context, params, {}))
    if method_id := params.text("payment_method"):
        methods.attach(context, methods.resolve(context, method_id), customer["id"])
    return customer


def retrieve(context: Context, params: Parameters, customer: str) -> Object:
    """Return one customer."""
    return context.store.get("customer", customer)


def update(context: Context, params: Parameters, customer: str) -> Object:
    """Change what is sent and leave the rest."""
    found = customers.existing(context, customer, param="id")
    return events.change(context, found, "customer.updated", **_read(context, params, found))


def delete(context: Context, params: Parameters, customer: str) -> Object:
    """Forget a customer; the id still answers, as deleted."""
    found = customers.existing(context, customer, param="id")
    events.emit(context, "customer.deleted", found)
    for method in context.store.where("payment_method", customer=customer):
        context.store.save(method | {"customer": None})
    gone = {"id": customer, "object": "customer", "deleted": True}
    return context.store.save(gone)


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of customers, perhaps with one e-mail address."""
    wanted = pagination.Filter()
    wanted.equal("email", params.text("email"))
    wanted.add("json_extract(body, '$.deleted') IS NULL")
    return pagination.page(context, params, "customer", "/v1/customers", wanted)


def _read(context: Context, params: Parameters, found: Object) -> Object:
    changes = fields.texts(params, *TEXTS)
    changes |= fields.metadata(params, found.get("metadata", {}))
    if params.has("address"):
        changes["address"] = fields.address(params, "address")
    if params.has("shipping"):
        changes["shipping"] = params.echo("shipping") or None
    if params.has("tax_exempt"):
        choice = params.choice("tax_exempt", ("none", "exempt", "reverse"))
        changes["tax_exempt"] = choice or "none"
    if params.has("preferred_locales"):
        changes["preferred_locales"] = params.texts("preferred_locales")
    settings = params.child("invoice_settings")
    if settings is not None:
        default = settings.text("default_payment_method")
        changes["invoice_settings"] = _settings(context, found, default)
    return changes


def _settings(context: Context, found: Object, default: str | None) -> Object:
    if default is not None:
        method = context.store.find(default, "payment_method")
        if method is None or method["customer"] != found.get("id"):
            raise InvalidParameter(
                "The customer does not have a payment method with the ID "
                f"{default}. The payment method must be attached to the customer.",
                code="resource_missing",
                param="invoice_settings[default_payment_method]",
            )
    before: Object = found.get("invoice_settings", {"custom_fields": None, "footer": None})
    return before | {"default_payment_method": default}
