"""``/v1/products``, ``/v1/prices`` and ``/v1/tax_rates``."""

from billing.payments.loopback import catalogue, clock, events, pagination
from billing.payments.loopback.context import Context
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object


def create_product(context: Context, params: Parameters) -> Object:
    """Make a product."""
    product = catalogue.create_product(context, params, active=params.flag("active") is not False)
    events.emit(context, "product.created", product)
    return product


def retrieve_product(context: Context, params: Parameters, product: str) -> Object:
    """Return one product."""
    return context.store.get("product", product)


def update_product(context: Context, params: Parameters, product: str) -> Object:
    """Change what is sent and leave the rest."""
    found = context.store.get("product", product)
    changes = fields.texts(params, "name", "description", "default_price", "unit_label")
    changes |= fields.metadata(params, found["metadata"]) | _active(params)
    return events.change(context, found, "product.updated", updated=clock.now(), **changes)


def list_products(context: Context, params: Parameters) -> Object:
    """Return a page of products."""
    wanted = pagination.Filter()
    wanted.equal("active", params.flag("active"))
    return pagination.page(context, params, "product", "/v1/products", wanted)


def create_price(context: Context, params: Parameters) -> Object:
    """Make a one-time price."""
    price = catalogue.create_price(context, params, active=params.flag("active") is not False)
    events.emit(context, "price.created", price)
    return price


def retrieve_price(context: Context, params: Parameters, price: str) -> Object:
    """Return one price."""
    return context.store.get("price", price)


def update_price(context: Context, params: Parameters, price: str) -> Object:
    """Rename or retire a price; its amount never changes."""
    found = context.store.get("price", price)
    changes = fields.texts(params, "nickname", "lookup_key")
    changes |= fields.metadata(params, found["metadata"]) | _active(params)
    return events.change(context, found, "price.updated", **changes)


def list_prices(context: Context, params: Parameters) -> Object:
    """Return a page of prices."""
    wanted = pagination.Filter()
    wanted.equal("active", params.flag("active"))
    wanted.equal("product", params.text("product"))
    wanted.equal("currency", params.text("currency"))
    return pagination.page(context, params, "price", "/v1/prices", wanted)


def create_tax_rate(context: Context, params: Parameters) -> Object:
    """Make a tax rate."""
    rate = catalogue.create_tax_rate(context, params)
    events.emit(context, "tax_rate.created", rate)
    return rate


def retrieve_tax_rate(context: Context, params: Parameters, rate: str) -> Object:
    """Return one tax rate."""
    return context.store.get("tax_rate", rate)


def update_tax_rate(context: Context, params: Parameters, rate: str) -> Object:
    """Rename or retire a tax rate; its percentage never changes."""
    found = context.store.get("tax_rate", rate)
    changes = fields.texts(params, "display_name", "description", "jurisdiction")
    changes |= fields.metadata(params, found["metadata"]) | _active(params)
    return events.change(context, found, "tax_rate.updated", **changes)


def list_tax_rates(context: Context, params: Parameters) -> Object:
    """Return a page of tax rates."""
    wanted = pagination.Filter()
    wanted.equal("active", params.flag("active"))
    wanted.equal("inclusive", params.flag("inclusive"))
    return pagination.page(context, params, "tax_rate", "/v1/tax_rates", wanted)


def _active(params: Parameters) -> Object:
    return {"active": params.flag("active")} if params.has("active") else {}
