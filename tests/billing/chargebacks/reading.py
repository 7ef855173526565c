"""What is on record of a dispute, and what it comes to."""

from decimal import Decimal

from django.utils import timezone

from billing import account_statements, funds
from billing.models import (
    Chargeback,
    Invoice,
    InvoiceCharge,
    LedgerEntry,
    Surplus,
)
from billing.services import (
    receiving,
)
from common.database import service
from tenants.scope import scope

ZERO = Decimal(0)


def paid(invoice):
    with service():
        return InvoiceCharge.objects.get(invoice=invoice, status="paid").payment_reference


def of(reference):
    with service():
        return Chargeback.objects.get(reference=reference)


def fresh(row):
    with service():
        return type(row).objects.get(pk=row.pk)


def is_zero():
    """Whether all that was ever booked comes to nothing."""
    with service():
        return sum(LedgerEntry.objects.values_list("amount", flat=True), ZERO) == 0


def owed(acme):
    """Return what this month's statement ends with, which is what documents and surpluses come to."""
    with scope(acme):
        [found] = account_statements.month(acme, f"{timezone.now():%Y-%m}").statements
        asked = sum((receiving.due(it).amount for it in Invoice.objects.open()), ZERO)
        loose = sum(Chargeback.objects.values_list("owed", flat=True), ZERO)
        kept = sum(Surplus.objects.values_list("left", flat=True), ZERO)
    assert found.agrees
    assert found.owed.closing.amount == asked + loose - kept
    return found.owed.closing.amount


async def spend(acme, conn, take, settled, amount):
    """Use some of Acme's credit."""
    lease = await take(conn, amount)
    await funds.record(conn, process_id="p1", batch=[settled("r-1", amount, lease)])
