"""What can be bought, what was bought, and what credit there is, as the pages show it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from billing import agreements, queries
from billing.models import BankLine, Chargeback, CreditGrant, Invoice, Issuer, Order, Surplus
from common.errors import NotFound
from common.money import Money, round_to_minor
from marketplace.models import Bundle
from tenants.models import Organization
from tenants.scope import scope

#: A grant that ends within these days is pointed out.
SOON = timedelta(days=30)
LATEST_ORDERS = 20
#: How a bank may have ended it so that nothing is to be said.
ENDED_WELL = (Chargeback.Status.CLOSED, Chargeback.Status.WON)


@dataclass(frozen=True, slots=True)
class PricedBundle:
    """A bundle with its price before and after tax."""

    bundle: Bundle
    net: Money
    tax_rate: Decimal
    tax: Money
    total: Money
    #: Makes two clicks on one page's button one order.
    operation_key: uuid.UUID

    @property
    def per_million(self) -> Money | None:
        """What a million of its tokens comes to, excluding tax; None where it grants money."""
        if self.bundle.grant_unit != CreditGrant.Unit.TOKENS:
            return None
        return (self.net * (1_000_000 / self.bundle.grant_quantity)).rounded()


def bundles(organization: Organization) -> list[PricedBundle]:
    """Return the bundles sold to the organization, the cheapest first, with its tax."""
    contract = agreements.in_force(organization, timezone.now())
    rate = agreements.tax(organization, contract, agreements.issuer_of(organization)).rate
    found = (
        Bundle.objects.filter(is_active=True, currency=organization.currency)
        .select_related("token_class")
        .prefetch_related("token_class__weights")
    )
    return [_priced(bundle, rate) for bundle in found]


def _priced(bundle: Bundle, rate: Decimal) -> PricedBundle:
    net = round_to_minor(bundle.net_amount, bundle.currency)
    tax = round_to_minor(net * rate, bundle.currency)
    return PricedBundle(
        bundle,
        Money(net, bundle.currency),
        rate,
        Money(tax, bundle.currency),
        Money(net + tax, bundle.currency),
        uuid.uuid4(),
    )


def bundle(slug: str) -> Bundle:
    """Return a bundle that is sold, or raise ``NotFound``."""
    found = Bundle.objects.filter(slug=slug, is_active=True).select_related("token_class").first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Allotment:
    """A grant as the balance page shows it."""

    grant: CreditGrant
    currency: str

    @property
    def is_money(self) -> bool:
        """Whether it is money, and not tokens."""
        return self.grant.unit == CreditGrant.Unit.MONEY

    @property
    def granted(self) -> Money:
        """What was granted, of a grant in money."""
        return Money(self.grant.granted, self.currency)

    @property
    def remaining(self) -> Money:
        """What is left, of a grant in money."""
        return Money(self.grant.remaining, self.currency)

    @property
    def ends_soon(self) -> bool:
        """Whether it expires within the month."""
        return self.grant.expires_at is not None and self.grant.expires_at < timezone.now() + SOON


@dataclass(frozen=True, slots=True)
class Credit:
    """What an organization has."""

    balance: queries.Balance
    #: In the order they burn.
    allotments: list[Allotment]

    @property
    def differs(self) -> bool:
        """Whether the ledger still holds what can no longer be spent, or the other way round."""
        return self.balance.live != self.balance.settled


def credit(organization: Organization) -> Credit:
    """Return the balance, and the grants: the usable ones in burn order, then those to come."""
    grants = [*queries.grants(organization), *queries.coming(organization)]
    allotments = [Allotment(grant, grant.wallet.currency) for grant in grants]
    return Credit(queries.balance(organization), allotments)


def orders(organization: Organization) -> QuerySet[Order]:
    """Return the latest orders, each with its invoice."""
    every = Order.objects.filter(organization=organization).select_related("invoice")
    return every[:LATEST_ORDERS]


def order(organization: Organization, text: str) -> Order | None:
    """Return the order with this id; None for ids of others, and for what is no id."""
    try:
        key = uuid.UUID(text)
    except ValueError:
        return None
    return Order.objects.filter(organization=organization, pk=key).first()


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order and what became of it in the books."""

    order: Order
    invoice: Invoice | None
    grant: CreditGrant | None
    #: What its payer's bank takes back, or took.
    chargeback: Chargeback | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its credit stands in the ledger."""
        return self.grant is not None

    @property
    def net(self) -> Money:
        """The price before tax."""
        return Money(self.order.net, self.order.currency)

    @property
    def tax(self) -> Money:
        """The tax on it."""
        return Money(self.order.tax, self.order.currency)

    @property
    def credit(self) -> Money:
        """What it grants, where that is money."""
        return Money(self.order.grant_quantity, self.order.currency)


def purchase(organization: Organization, order: Order) -> Purchase:
    """Return what the books say of an order; opens the organization's scope itself."""
    with scope(organization):
        grants = CreditGrant.objects.filter(organization=organization)
        return Purchase(
            order,
            Invoice.objects.filter(organization=organization, order=order).first(),
            grants.filter(source_key=f"order:{order.pk}").first(),
            Chargeback.objects.filter(order=order).exclude(status__in=ENDED_WELL).first(),
        )


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a bank transfer has to say to pay an order."""

    issuer: Issuer
    reference: str
    expires_at: datetime | None


def transfer(organization: Organization, order: Order) -> Transfer | None:
    """Return what to transfer for an order; None where it is paid another way. Opens the scope."""
    if order.transfer_reference is None:
        return None
    with scope(organization):
        issuer = order.issuer or agreements.issuer_of(organization)
        return Transfer(issuer, order.transfer_reference, order.expires_at)


def awaited_transfers() -> QuerySet[Order]:
    """Return every customer's orders that wait for a transfer, with what came; as the service.

    One that expired is among them while a part of it is there, for that is the customer's.
    """
    found = Order.objects.by_transfer().annotate(
        came=_sum_of(BankLine.objects.all()) - _sum_of(Surplus.objects.all())
    )
    late = Q(status=Order.Status.EXPIRED, came__gt=0)
    waiting = found.filter(Q(status=Order.Status.PENDING) | late)
    return waiting.select_related("organization").order_by("expires_at")


def _sum_of(rows: QuerySet[Any]) -> Coalesce:
    """Return what rows of an order come to."""
    sums = rows.filter(order=OuterRef("pk")).order_by().values("order").annotate(sum=Sum("amount"))
    return Coalesce(Subquery(sums.values("sum")), Decimal(0), output_field=DecimalField())


def takes_transfers(organization: Organization) -> bool:
    """Whether who sells to the organization has an account to transfer to."""
    return bool(agreements.issuer_of(organization).iban)


def invoices(
    organization: Organization, *, year: int | None = None, status: str = ""
) -> QuerySet[Invoice]:
    """Return the organization's invoices, newest first."""
    found = Invoice.objects.filter(organization=organization)
    if year:
        found = found.filter(issued_at__year=year)
    if status == OVERDUE:
        return found.open().filter(due_at__lt=timezone.now())
    if status:
        return found.filter(status=status)
    return found


#: Asked for like a state: open, and past its day.
OVERDUE = "overdue"


def invoice_years(organization: Organization) -> list[int]:
    """Return the years in which there are invoices, newest first."""
    issued: QuerySet[Invoice, datetime] = Invoice.objects.filter(
        organization=organization
    ).datetimes("issued_at", "year", order="DESC")
    return [moment.year for moment in issued]
