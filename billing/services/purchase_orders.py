"""What an invoice takes of the customer's purchase orders: from the first that lapses first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from billing import agreements
from billing.agreements import StandingOrder
from billing.models import BillingProfile, Invoice, PurchaseOrder, PurchaseOrderUse
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Share:
    """What is taken of one order."""

    order: PurchaseOrder
    amount: Decimal


def standing(
    organizations: Sequence[Organization], at: datetime
) -> dict[UUID, list[StandingOrder]]:
    """Return what invoices written now can take of whose orders, which stay locked until they are."""
    orders = PurchaseOrder.objects.filter(organization__in=organizations, closed_at=None)
    # Two invoices at once must not take the same rest; looked at again under the locks.
    PurchaseOrder.objects.all_locked(orders.values_list("pk", flat=True))
    alike: dict[tuple[date, str], list[UUID]] = {}
    for organization in organizations:
        day = at.astimezone(ZoneInfo(organization.time_zone)).date()
        alike.setdefault((day, organization.currency), []).append(organization.pk)
    found: dict[UUID, list[StandingOrder]] = {}
    for (day, currency), those in alike.items():
        found |= agreements.open_orders(those, day, currency)
    return found


def shared(standing: Sequence[StandingOrder], net: Decimal) -> list[Share]:
    """Return what an invoice of so much takes of which of a customer's orders.

    An order that holds all of it is taken alone, for a document names one; otherwise as many as it
    takes. What no order holds is invoiced without one.
    """
    whole = next((it for it in standing if it.left.amount >= net), None)
    shares, left = [], net
    for each in [whole] if whole else standing:
        taken = min(each.left.amount, left)
        if taken > 0:
            shares.append(Share(each.order, taken))
            left -= taken
    return shares


def number(profile: BillingProfile | None, shares: Sequence[Share]) -> str:
    """Return the number that the document carries: the order's, or that of the billing details."""
    if shares:
        return shares[0].order.number
    return profile.purchase_order if profile else ""


def take(taken: Iterable[tuple[Invoice, Sequence[Share]]]) -> None:
    """Note what invoices took."""
    PurchaseOrderUse.objects.bulk_create(
        PurchaseOrderUse(
            organization=invoice.organization,
            purchase_order=share.order,
            invoice=invoice,
            amount=share.amount,
        )
        for invoice, shares in taken
        for share in shares
    )
