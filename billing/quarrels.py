"""Disputes, corrections and held invoices, as the pages and the API read them."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext

from billing import bounds
from billing.einvoice import hints
from billing.models import Correction, CreditNote, Dispute, Invoice, InvoiceHold, Refund
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


def refunds() -> QuerySet[Refund]:
    """Return everybody's refunds of purchases, newest first."""
    return Refund.objects.select_related(
        "organization", "order", "credit_note", "proposed_by", "decided_by"
    )


def holds() -> InvoiceHoldQuerySet:
    """Return everybody's held invoices, newest first."""
    return InvoiceHold.objects.select_related("organization", "order", "decided_by")


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an invoice is held: for people, and the rule's own words where there is one."""

    code: str
    words: str
    rule: str = ""


def findings(hold: InvoiceHold) -> list[Finding]:
    """Return what was found, in the reader's language."""
    return [_finding(found["code"], found["words"]) for found in hold.findings]


def _finding(code: str, words: str) -> Finding:
    if code in bounds.WORDS:
        return Finding(code, gettext(bounds.WORDS[code]))
    hint = hints.plain(code)
    return Finding(code, gettext(hint), words) if hint else Finding(code, words)
