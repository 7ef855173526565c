"""A checkout session's lines: price, quantity, tax and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.payments.loopback import catalogue, currencies, ids, taxes
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError, InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.store import Object

MAX_LINES = 100
MAX_QUANTITY = 999_999


@dataclass(frozen=True)
class Totals:
    """What all lines come to, in minor units of one currency."""

    currency: str
    subtotal: int
    tax: int
    total: int


def read(context: Context, params: Parameters) -> list[Object]:
    """Return the session's line items, each with its own tax."""
    if not params.has("line_items"):
        message = "You must provide line_items in payment mode."
        raise InvalidParameter(message, code="parameter_missing", param="line_items")
    wanted = params.children("line_items")
    if not 1 <= len(wanted) <= MAX_LINES:
        raise InvalidParameter(f"Send 1 to {MAX_LINES} line items.", param="line_items")
    return [_line(context, line) for line in wanted]


def total(lines: Sequence[Object]) -> Totals:
    """Return the sums; all lines must be in one currency and come to a chargeable amount."""
    currency = lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        message = "All line items must have the same currency."
        raise InvalidParameter(message, param="line_items")
    amount = sum(line["amount_total"] for line in lines)
    currencies.check_charge(amount, currency, "line_items")
    return Totals(
        currency=currency,
        subtotal=sum(line["amount_subtotal"] for line in lines),
        tax=sum(line["amount_tax"] for line in lines),
        total=amount,
    )


def _line(context: Context, params: Parameters) -> Object:
    price = _price(context, params)
    quantity = params.integer("quantity", minimum=1, maximum=MAX_QUANTITY) or 1
    amount = taxes.rounded(Decimal(price["unit_amount_decimal"]) * quantity)
    amounts = taxes.line_amounts(amount, _tax_rates(context, params))
    product = context.store.get("product", price["product"])
    return {
        "id": ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amounts.subtotal,
        "amount_tax": amounts.tax,
        "amount_total": amounts.total,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": params.metadata() or {},
        "price": price,
        "quantity": quantity,
        "taxes": [
            {"amount": tax, "rate": rate, "taxability_reason": None, "taxable_amount": amount}
            for rate, tax in amounts.per_rate
        ],
        "_details": product["description"],
    }


def _price(context: Context, params: Parameters) -> Object:
    described, price_id = params.child("price_data"), params.text("price")
    if bool(described) == bool(price_id):
        message = "Send exactly one of price and price_data."
        raise InvalidParameter(message, param=params.path("price"))
    if described:
        return catalogue.create_price(context, described, active=False)
    price = context.store.find(price_id or "", "price")
    if price is None or not price["active"]:
        message = f"No such price: '{price_id}'"
        raise ApiError(message, code="resource_missing", param=params.path("price"))
    return price


def _tax_rates(context: Context, params: Parameters) -> list[Object]:
    return [
        context.store.get("tax_rate", rate_id, param=params.path("tax_rates"))
        for rate_id in params.texts("tax_rates")
    ]
