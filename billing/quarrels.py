"""Disputes, corrections and held months, as the pages and the API read them."""

from django.db.models import QuerySet

from billing.models import Correction, CreditNote, Dispute, Invoice, InvoiceHold
from billing.models.corrections import CorrectionQuerySet, DisputeQuerySet, InvoiceHoldQuerySet
from tenants.models import Organization

SHOWN = 200


def disputes(organization: Organization) -> QuerySet[Dispute]:
    """Return the organization's disputes, newest first."""
    return Dispute.objects.filter(organization=organization).select_related(
        "invoice", "line", "opened_by", "decided_by"
    )


def disputable(organization: Organization) -> QuerySet[Invoice]:
    """Return the invoices that can be objected to."""
    return Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)


def credit_notes(organization: Organization) -> QuerySet[CreditNote]:
    """Return the organization's credit notes, newest first."""
    return CreditNote.objects.filter(organization=organization).select_related("invoice")


def credit_note_of(dispute: Dispute) -> CreditNote | None:
    """Return what an accepted dispute took back; found by its moment, as corrections are staff's."""
    if dispute.status != Dispute.Status.ACCEPTED:
        return None
    notes = CreditNote.objects.filter(
        organization=dispute.organization_id,
        invoice=dispute.invoice_id,
        reason=CreditNote.Reason.DISPUTE,
        issued_at__lte=dispute.decided_at,
    )
    return notes.first()


def every_dispute() -> DisputeQuerySet:
    """Return everybody's disputes for the desk: open ones first, the oldest of them on top."""
    return Dispute.objects.select_related("organization", "invoice", "line", "opened_by")


def corrections() -> CorrectionQuerySet:
    """Return everybody's corrections, newest first."""
    return Correction.objects.select_related(
        "organization", "invoice", "line", "dispute", "proposed_by", "decided_by", "credit_note"
    )


def holds() -> InvoiceHoldQuerySet:
    """Return everybody's held months, newest first."""
    return InvoiceHold.objects.select_related("organization", "decided_by")
