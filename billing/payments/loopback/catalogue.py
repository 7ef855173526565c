"""Products, prices and tax rates: what a checkout's lines are made of."""

from decimal import Decimal, InvalidOperation

from billing.payments.loopback import clock, currencies, ids
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.store import Object

TAX_BEHAVIOURS = ("exclusive", "inclusive", "unspecified")


def create_product(context: Context, params: Parameters, *, active: bool = True) -> Object:
    """Store a product from ``name`` and the optional rest."""
    created = clock.now()
    return context.store.insert(
        {
            "id": ids.new("prod", 14),
            "object": "product",
            "active": active,
            "created": created,
            "default_price": None,
            "description": params.text("description"),
            "images": params.texts("images"),
            "livemode": False,
            "marketing_features": [],
            "metadata": params.metadata() or {},
            "name": params.needed("name"),
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": params.text("statement_descriptor", limit=22),
            "tax_code": params.text("tax_code"),
            "type": "service",
            "unit_label": params.text("unit_label", limit=12),
            "updated": created,
            "url": params.url("url"),
        }
    )


def create_price(context: Context, params: Parameters, *, active: bool = True) -> Object:
    """Store a one-time price for a product that exists or is described with it."""
    if params.has("recurring"):
        message = "The loopback Stripe has no subscriptions; recurring prices are not simulated."
        raise InvalidParameter(message, param=params.path("recurring"))
    amount = _unit_amount(params)
    whole = amount == amount.to_integral_value()
    return context.store.insert(
        {
            "id": ids.new("price"),
            "object": "price",
            "active": active,
            "billing_scheme": "per_unit",
            "created": clock.now(),
            "currency": currencies.read(params),
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": params.text("lookup_key"),
            "metadata": params.metadata() or {},
            "nickname": params.text("nickname"),
            "product": _product(context, params)["id"],
            "recurring": None,
            "tax_behavior": params.choice("tax_behavior", TAX_BEHAVIOURS) or "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "one_time",
            "unit_amount": int(amount) if whole else None,
            "unit_amount_decimal": f"{amount.normalize():f}",
        }
    )


def create_tax_rate(context: Context, params: Parameters) -> Object:
    """Store a tax rate; its percentage is kept to four places, as Stripe does."""
    percentage = _decimal(params, "percentage", places=4)
    if percentage > 100:
        raise InvalidParameter("This value must be at most 100.", param="percentage")
    params.needed("inclusive")
    return context.store.insert(
        {
            "id": ids.new("txr"),
            "object": "tax_rate",
            "active": params.flag("active") is not False,
            "country": params.text("country", limit=2),
            "created": clock.now(),
            "description": params.text("description"),
            "display_name": params.needed("display_name", limit=50),
            "effective_percentage": float(percentage),
            "flat_amount": None,
            "inclusive": params.flag("inclusive"),
            "jurisdiction": params.text("jurisdiction", limit=50),
            "jurisdiction_level": None,
            "livemode": False,
            "metadata": params.metadata() or {},
            "percentage": float(percentage),
            "rate_type": "percentage",
            "state": params.text("state"),
            "tax_type": params.text("tax_type"),
        }
    )


def _product(context: Context, params: Parameters) -> Object:
    described = params.child("product_data")
    product_id = params.text("product")
    if bool(described) == bool(product_id):
        raise InvalidParameter(
            "Send exactly one of product and product_data.", param=params.path("product")
        )
    if described:
        return create_product(context, described, active=False)
    return context.store.get("product", product_id or "", param=params.path("product"))


def _unit_amount(params: Parameters) -> Decimal:
    if params.has("unit_amount") == params.has("unit_amount_decimal"):
        message = "Send exactly one of unit_amount and unit_amount_decimal."
        raise InvalidParameter(message, param=params.path("unit_amount"))
    if params.has("unit_amount"):
        return Decimal(params.needed_integer("unit_amount"))
    return _decimal(params, "unit_amount_decimal", places=12)


def _decimal(params: Parameters, name: str, *, places: int) -> Decimal:
    text = params.needed(name, limit=40)
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    exponent = value.as_tuple().exponent
    if not value.is_finite() or value < 0 or not isinstance(exponent, int) or exponent < -places:
        message = f"Invalid decimal: {text}"
        code = "parameter_invalid_decimal"
        raise InvalidParameter(message, code=code, param=params.path(name))
    return value
