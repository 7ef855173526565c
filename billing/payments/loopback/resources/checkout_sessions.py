"""``/v1/checkout/sessions``."""

from billing.payments.loopback import clock, currencies, customers, pagination, rendering
from billing.payments.loopback.checkout import lines, sessions
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object

SHORTEST = 30 * 60
LONGEST = 24 * 3600
# Accepted and repeated; they change nothing on the simulated page.
ECHOED = (
    "billing_address_collection",
    "integration_identifier",
    "locale",
    "name_collection",
    "origin_context",
    "payment_method_options",
    "phone_number_collection",
    "saved_payment_method_options",
    "submit_type",
    "tax_id_collection",
)


def create(context: Context, params: Parameters) -> Object:
    """Open a session and return the address of its payment page."""
    mode = params.needed("mode")
    if mode not in {"payment", "setup"}:
        message = "Invalid mode: the loopback Stripe simulates payment and setup."
        raise InvalidParameter(message, param="mode")
    money = _money(context, params) if mode == "payment" else _no_money(params)
    session = sessions.new(context, mode, **_shared(context, params))
    session |= money | fields.method_types(params, money["currency"])
    session["_intent"] = _intent_data(params, mode)
    return context.store.insert(session)


def retrieve(context: Context, params: Parameters, session: str) -> Object:
    """Return one session."""
    return context.store.get("checkout.session", session)


def update(context: Context, params: Parameters, session: str) -> Object:
    """Change a session's metadata."""
    found = context.store.get("checkout.session", session)
    found |= fields.metadata(params, found["metadata"])
    return context.store.save(found)


def expire(context: Context, params: Parameters, session: str) -> Object:
    """Close an open session."""
    return sessions.expire(context, context.store.get("checkout.session", session))


def line_items(context: Context, params: Parameters, session: str) -> Object:
    """Return a page of a session's lines, in their order."""
    items = context.store.get("checkout.session", session)["_line_items"]
    limit = params.integer("limit", minimum=1, maximum=100) or 10
    after = params.text("starting_after")
    start = next((i + 1 for i, item in enumerate(items) if item["id"] == after), 0)
    url = f"/v1/checkout/sessions/{session}/line_items"
    more = len(items) > start + limit
    return rendering.list_of(items[start : start + limit], url, has_more=more)


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of sessions."""
    wanted = pagination.Filter()
    wanted.equal("customer", fields.customer(params))
    wanted.equal("payment_intent", params.text("payment_intent"))
    wanted.equal("status", params.choice("status", ("open", "complete", "expired")))
    details = params.child("customer_details")
    wanted.equal("customer_details.email", details.text("email") if details else None)
    return pagination.page(context, params, "checkout.session", "/v1/checkout/sessions", wanted)


def _shared(context: Context, params: Parameters) -> Object:
    params.needed("success_url")
    customer = fields.customer(params)
    email = params.text("customer_email", limit=800)
    if customer and email:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise InvalidParameter(message, param="customer_email")
    if customer:
        customers.existing(context, customer)
    params.choice("ui_mode", ("hosted_page",))
    params.echo("customer_update")
    branding = params.child("branding_settings")
    creation = params.choice("customer_creation", ("always", "if_required"))
    return {name: params.echo(name) for name in ECHOED} | {
        "branding_settings": {"display_name": branding.text("display_name") if branding else None},
        "cancel_url": params.url("cancel_url"),
        "client_reference_id": params.text("client_reference_id", limit=200),
        "custom_text": _custom_text(params),
        "customer": customer,
        "customer_creation": creation or ("if_required" if not customer else None),
        "customer_email": email,
        "expires_at": _expires_at(params),
        "metadata": params.metadata() or {},
        "success_url": params.url("success_url"),
    }


def _money(context: Context, params: Parameters) -> Object:
    items = lines.read(context, params)
    totals = lines.total(items)
    if params.has("currency") and currencies.read(params) != totals.currency:
        message = "The currency does not match the prices of the line items."
        raise InvalidParameter(message, param="currency")
    return {
        "amount_subtotal": totals.subtotal,
        "amount_total": totals.total,
        "currency": totals.currency,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": totals.tax},
        "_line_items": items,
    }


def _no_money(params: Parameters) -> Object:
    if params.has("line_items"):
        message = "You can not pass `line_items` in `setup` mode."
        raise InvalidParameter(message, param="line_items")
    return {"currency": currencies.read(params), "_line_items": []}


def _intent_data(params: Parameters, mode: str) -> Object:
    name = "payment_intent_data" if mode == "payment" else "setup_intent_data"
    data = params.child(name) or Parameters({})
    shared: Object = {
        "description": data.text("description", limit=1000),
        "metadata": data.metadata() or {},
    }
    if mode == "setup":
        return shared
    return shared | {
        "receipt_email": data.text("receipt_email"),
        "setup_future_usage": data.choice("setup_future_usage", ("off_session", "on_session")),
        "statement_descriptor": data.text("statement_descriptor", limit=22),
        "statement_descriptor_suffix": data.text("statement_descriptor_suffix", limit=22),
    }


def _custom_text(params: Parameters) -> Object:
    texts = params.child("custom_text")
    submit = texts.child("submit") if texts else None
    message = submit.needed("message", limit=1200) if submit else None
    return {
        "after_submit": None,
        "shipping_address": None,
        "submit": {"message": message} if message else None,
        "terms_of_service_acceptance": None,
    }


def _expires_at(params: Parameters) -> int:
    now = clock.now()
    moment = params.integer("expires_at")
    if moment is None:
        return now + LONGEST
    # A caller's clock and ours may differ by the time the request took.
    if not now + SHORTEST - 60 <= moment <= now + LONGEST + 60:
        raise InvalidParameter(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours "
            "from Checkout Session creation.",
            param="expires_at",
        )
    return moment
