"""Takes in all that is paid, and takes surpluses off invoices: neither is lost nor counted twice.

A surplus is what we owe on the account on which the invoice is owed to us, so taking it off an
invoice moves nothing there.
"""

from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db.models import QuerySet

from billing.models import IncomingPayment, Invoice, Surplus
from billing.services import receiving, surpluses
from common import sweeping
from common.database import atomic, service
from common.ids import uuid7
from tenants.models import User

ZERO = Decimal(0)


@atomic()
def receive(
    invoice: Invoice,
    amount: Decimal,
    *,
    source: IncomingPayment.Source,
    key: str,
    by: User | None,
    words: str = "",
    at: datetime | None = None,
    payment_reference: str = "",
) -> IncomingPayment | None:
    """Book all that came in, once per ``key``: what the invoice asks for, and the rest as surplus."""
    invoice = Invoice.objects.locked(invoice.pk)
    paid = IncomingPayment.objects.filter(operation_key=key).first()
    if paid or Surplus.objects.filter(operation_key=key).exists():
        return paid
    asked = receiving.due(invoice).amount if receiving.asks_for_payment(invoice) else ZERO
    part = min(amount, asked)
    if part > 0:
        paid = receiving.receive(invoice, part, source=source, key=key, by=by, words=words, at=at)
    if amount > part:
        surpluses.keep_money(
            invoice.organization,
            amount - part,
            invoice.currency,
            key=key,
            invoice=invoice,
            payment_reference=payment_reference,
        )
    return paid


def apply_all() -> int:
    """Take surpluses off the invoices that they may pay; return how many invoices got something."""
    with service():
        usable = Surplus.objects.left_over().exclude(wish=Surplus.Wish.PAY_BACK)
        pairs = [
            (surplus.pk, invoice_id)
            for surplus in usable
            for invoice_id in _payable(surplus).values_list("pk", flat=True)
        ]
    takes = (partial(_apply, surplus_id, invoice_id) for surplus_id, invoice_id in pairs)
    return sum(sweeping.answers(takes, trouble="surplus_not_taken"))


def _payable(surplus: Surplus) -> QuerySet[Invoice]:
    """Return the invoices it may pay: later ones, and open ones where somebody wanted that."""
    found = Invoice.objects.open().filter(
        organization=surplus.organization_id, currency=surplus.currency
    )
    if surplus.wish == Surplus.Wish.UNSAID:
        found = found.filter(issued_at__gt=surplus.created_at)
    return found.order_by("due_at", "id")


def _apply(surplus_id: UUID, invoice_id: UUID) -> bool:
    """Take what is left off one invoice, as far as it asks; answers whether it got something."""
    with service():
        invoice = Invoice.objects.locked(invoice_id)
        surplus = Surplus.objects.locked(surplus_id)
        part = min(surplus.left, receiving.due(invoice).amount)
        is_wanted = surplus.wish != Surplus.Wish.PAY_BACK
        if not is_wanted or invoice.status != Invoice.Status.OPEN or part <= 0:
            return False
        receiving.receive(
            invoice,
            part,
            source=IncomingPayment.Source.SURPLUS,
            key=f"surplus:{uuid7()}",
            words=surplus.invoice.number if surplus.invoice else "",
            by=None,
        )
        surplus.left -= part
        surplus.save(update_fields=["left", "updated_at"])
        return True
