"""What an invoice takes of the customer's purchase orders: from the first that lapses first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing import agreements
from billing.models import BillingProfile, Invoice, PurchaseOrder, PurchaseOrderUse
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Share:
    """What is taken of one order."""

    order: PurchaseOrder
    amount: Decimal


def for_invoice(organization: Organization, net: Decimal, at: datetime) -> list[Share]:
    """Return what an invoice of so much takes of which orders; they stay locked until it is written.

    An order that holds all of it is taken alone, for a document names one; otherwise as many as it
    takes. What no order holds is invoiced without one.
    """
    day = at.astimezone(ZoneInfo(organization.time_zone)).date()
    orders = PurchaseOrder.objects.filter(organization=organization, closed_at=None)
    # Two invoices at once must not take the same rest; looked at again under the locks.
    list(orders.order_by("pk").select_for_update())
    standing = agreements.open_orders(organization, day, organization.currency)
    whole = next((it for it in standing if it.left.amount >= net), None)
    shares, left = [], net
    for each in [whole] if whole else standing:
        taken = min(each.left.amount, left)
        if taken > 0:
            shares.append(Share(each.order, taken))
            left -= taken
    return shares


def number(organization: Organization, shares: Sequence[Share]) -> str:
    """Return the number that the document carries: the order's, or that of the billing details."""
    if shares:
        return shares[0].order.number
    profile = BillingProfile.objects.filter(organization=organization).first()
    return profile.purchase_order if profile else ""


def take(invoice: Invoice, shares: Sequence[Share]) -> None:
    """Note what the invoice took."""
    for share in shares:
        PurchaseOrderUse.objects.create(
            organization=invoice.organization,
            purchase_order=share.order,
            invoice=invoice,
            amount=share.amount,
        )
