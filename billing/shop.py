"""What can be bought and what credit there is, as the pages show it."""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from billing.models import CreditGrant, Invoice, Issuer, Order
from common.errors import NotFound
from common.money import Money, round_to_minor
from marketplace.models import Bundle
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class PricedBundle:
    """A bundle with its price before and after tax."""

    bundle: Bundle
    net: Money
    tax_rate: Decimal
    total: Money
    #: Makes two clicks on one page's button one order.
    operation_key: uuid.UUID


def bundles(currency: str) -> list[PricedBundle]:
    """Return the bundles sold in this currency, the cheapest first."""
    rate = Issuer.objects.get(is_default=True).vat_rate
    found = Bundle.objects.filter(is_active=True, currency=currency).select_related("token_class")
    return [_priced(bundle, rate) for bundle in found]


def _priced(bundle: Bundle, rate: Decimal) -> PricedBundle:
    net = round_to_minor(bundle.net_amount, bundle.currency)
    total = net + round_to_minor(net * rate, bundle.currency)
    return PricedBundle(
        bundle, Money(net, bundle.currency), rate, Money(total, bundle.currency), uuid.uuid4()
    )


def bundle(slug: str) -> Bundle:
    """Return a bundle that is sold, or raise ``NotFound``."""
    found = Bundle.objects.filter(slug=slug, is_active=True).select_related("token_class").first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Credit:
    """What is left of an organization's grants."""

    money: Money
    grants: list[CreditGrant]


def credit(organization: Organization) -> Credit:
    """Return the usable grants in burn order and the money in them."""
    grants = list(
        CreditGrant.objects.filter(organization=organization)
        .usable()
        .in_burn_order()
        .select_related("token_class")
    )
    money = sum((it.remaining for it in grants if it.unit == "money"), Decimal(0))
    return Credit(Money(money, organization.currency), grants)


def orders(organization: Organization) -> QuerySet[Order]:
    """Return the latest orders, each with its invoice."""
    return Order.objects.filter(organization=organization).select_related("invoice")[:20]


def invoices(organization: Organization) -> QuerySet[Invoice]:
    """Return the organization's invoices, newest first."""
    return Invoice.objects.filter(organization=organization)
