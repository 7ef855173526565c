"""Payments that banks take back, as pages and the API read them, and what they hold up."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from billing.models import Chargeback, Invoice, Surplus
from billing.models.chargebacks import ChargebackQuerySet
from common.errors import Conflict
from tenants.models import Organization


def refuse_while_undecided(found: QuerySet[Chargeback]) -> None:
    """Refuse to pay back what a bank may be paying back already."""
    undecided = Chargeback.objects.undecided().filter(pk__in=found.values("pk")).first()
    if undecided is not None:
        facts = {"reference": undecided.reference, "state": undecided.get_status_display()}
        raise Conflict(
            _(
                "The payer's bank is taking this payment back (%(reference)s: “%(state)s”)."
                " Paid back as well it would be paid back twice: wait until the bank has decided."
            )
            % facts
        )


def of(organization: Organization) -> ChargebackQuerySet:
    """Return a customer's, newest first."""
    return every().filter(organization=organization)


def every() -> ChargebackQuerySet:
    """Return everybody's, newest first."""
    return Chargeback.objects.select_related(
        "organization", "order", "order__invoice", "invoice", "credit_note"
    )


def of_invoice(invoice: Invoice) -> ChargebackQuerySet:
    """Return those of what had paid an invoice, or the purchase that it is about."""
    is_of = Q(invoice=invoice)
    if invoice.order_id is not None:
        is_of |= Q(order=invoice.order_id)
    return every().filter(is_of)


def of_surplus(surplus: Surplus) -> ChargebackQuerySet:
    """Return those of the payment that a customer's surplus may have come with."""
    is_of = Q(invoice__isnull=False, invoice=surplus.invoice_id)
    is_of |= Q(order__isnull=False, order=surplus.order_id)
    if surplus.payment_reference:
        is_of |= Q(payment_reference=surplus.payment_reference)
    return Chargeback.objects.filter(is_of, organization=surplus.organization_id)


def owed_since(invoice: Invoice) -> datetime:
    """Return from when dunning counts: what a bank took back is due anew on the day it is owed."""
    lost = of_invoice(invoice).settled().order_by("-settled_at").first()
    again = lost.settled_at if lost else None
    return max(invoice.due_at, again) if again else invoice.due_at
