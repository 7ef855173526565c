"""A customer of the merchant, as Stripe stores it."""

from billing.payments.loopback import clock, events, ids
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import NotFound
from billing.payments.loopback.store import Object


def create(context: Context, **fields: object) -> Object:
    """Store a new customer."""
    customer: Object = {
        "id": ids.new("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": clock.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": ids.random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer |= fields
    context.store.insert(customer)
    events.emit(context, "customer.created", customer)
    return customer


def existing(context: Context, customer_id: str, *, param: str = "customer") -> Object:
    """Return a customer that has not been deleted."""
    customer = context.store.get("customer", customer_id, param=param)
    if customer.get("deleted"):
        raise NotFound("customer", customer_id, param=param)
    return customer
