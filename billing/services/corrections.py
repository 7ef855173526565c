"""Corrections of invoices under four eyes: one of the staff proposes, another one approves."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import (
    AccountKind,
    Correction,
    CreditNote,
    Dispute,
    Invoice,
    InvoiceLine,
)
from billing.services import credit_notes, four_eyes, holding, ledger, receiving
from billing.services.ledger import Posting
from common.database import atomic
from common.errors import Conflict, DomainError
from tenants.models import User
from tenants.services import audit, owed


@atomic()
def propose(
    invoice: Invoice,
    *,
    kind: Correction.Kind,
    words: str,
    by: User,
    amount: Decimal | None = None,
    line: InvoiceLine | None = None,
    dispute: Dispute | None = None,
) -> Correction:
    """Put a correction before a second person; nothing of the invoice changes yet."""
    invoice = Invoice.objects.locked(invoice.pk)
    if dispute is not None and _locked_open(dispute).invoice_id != invoice.pk:
        raise Conflict
    _check(invoice, kind, amount, line)
    try:
        with atomic():
            correction = Correction.objects.create(
                organization_id=invoice.organization_id,
                invoice=invoice,
                dispute=dispute,
                kind=kind,
                amount=amount,
                line=line,
                words=words,
                proposed_by=by,
            )
    except IntegrityError:
        raise Conflict(_("A correction of this invoice already waits for a decision.")) from None
    _audit(correction, "correction.proposed", by)
    return correction


def _check(
    invoice: Invoice, kind: Correction.Kind, amount: Decimal | None, line: InvoiceLine | None
) -> None:
    # What a bank took back of a purchase is owed, and may be given up.
    is_given_up = kind == Correction.Kind.WRITE_OFF and invoice.status == Invoice.Status.OPEN
    if invoice.kind != Invoice.Kind.USAGE and not is_given_up:
        raise Conflict(_("A purchase is corrected by refunding its payment."))
    if kind == Correction.Kind.CREDIT:
        credit_notes.check(invoice, amount=amount, line=line)
    elif invoice.status != Invoice.Status.OPEN:
        raise Conflict(_("Only an open invoice can be cancelled or written off."))
    elif kind == Correction.Kind.VOID and credit_notes.paid(invoice):
        raise Conflict(_("A part of this invoice is paid: credit what is still asked for instead."))
    elif amount is not None or line is not None:
        words = _("Cancelling and writing off concern the whole invoice.")
        raise DomainError(words, field_errors={"amount": [words]})


def approve(correction: Correction, *, by: User) -> Correction:
    """Carry out what somebody else proposed, with its documents and bookings, once."""
    return holding.looked_at(partial(_approve, correction, by))


@atomic()
def _approve(correction: Correction, by: User) -> Correction:
    invoice = Invoice.objects.locked(correction.invoice_id)
    correction = _locked_proposed(correction)
    four_eyes.check(
        by,
        proposed_by_id=correction.proposed_by_id,
        organization_id=correction.organization_id,
    )
    _check(invoice, Correction.Kind(correction.kind), correction.amount, correction.line)
    _carry_out(correction, invoice, by)
    _decide(correction, Correction.Status.APPROVED, by)
    if correction.dispute is not None:
        _accept(_locked_open(correction.dispute), correction, by)
    return correction


def _carry_out(correction: Correction, invoice: Invoice, by: User) -> None:
    if correction.kind == Correction.Kind.WRITE_OFF:
        _write_off(invoice)
        return
    reason = CreditNote.Reason.CORRECTION
    if correction.kind == Correction.Kind.VOID:
        reason = CreditNote.Reason.VOID
    elif correction.dispute_id:
        reason = CreditNote.Reason.DISPUTE
    correction.credit_note = credit_notes.issue(
        invoice,
        key=f"correction:{correction.pk}",
        reason=reason,
        words=correction.words,
        amount=correction.amount,
        line=correction.line,
        by=by,
    )


def _write_off(invoice: Invoice) -> None:
    """Give up what the invoice still asks for: a loss of ours, the claim itself stays written."""
    due = receiving.due(invoice).amount
    ledger.book(
        invoice.organization,
        key=f"write-off:{invoice.pk}",
        kind="write_off",
        postings=[
            Posting(AccountKind.RECEIVABLE, invoice.currency, -due),
            Posting(AccountKind.ADJUSTMENTS, invoice.currency, due),
        ],
    )
    invoice.status = Invoice.Status.UNCOLLECTIBLE
    invoice.save(update_fields=["status", "updated_at"])


def _accept(dispute: Dispute, correction: Correction, by: User) -> None:
    dispute.status = Dispute.Status.ACCEPTED
    dispute.answer = correction.words
    dispute.decided_by = by
    dispute.decided_at = timezone.now()
    dispute.save()
    audit.record(
        organization=dispute.organization,
        actor=by,
        action="dispute.accepted",
        target=dispute,
        before={"status": Dispute.Status.OPEN.value},
        after={"status": dispute.status, "answer": dispute.answer},
    )
    owed.owe(
        "billing.mail_dispute_decision",
        organization_id=dispute.organization_id,
        dispute_id=str(dispute.pk),
    )


@atomic()
def refuse(correction: Correction, *, by: User) -> Correction:
    """Close a proposal without effect; the proposer may do that too."""
    correction = _locked_proposed(correction)
    _decide(correction, Correction.Status.REFUSED, by)
    return correction


def _decide(correction: Correction, status: Correction.Status, by: User) -> None:
    correction.status = status
    correction.decided_by = by
    correction.decided_at = timezone.now()
    correction.save()
    _audit(correction, f"correction.{status.value}", by, {"status": Correction.Status.PROPOSED})


def _audit(
    correction: Correction, action: str, by: User, before: Mapping[str, str] | None = None
) -> None:
    audit.record(
        organization=correction.organization,
        actor=by,
        action=action,
        target=correction,
        before=before,
        after={
            "invoice": correction.invoice.number,
            "kind": correction.kind,
            "status": correction.status,
            "amount": correction.amount,
            "words": correction.words,
        },
    )


def _locked_proposed(correction: Correction) -> Correction:
    correction = Correction.objects.locked(correction.pk)
    if correction.status != Correction.Status.PROPOSED:
        raise Conflict
    return correction


def _locked_open(dispute: Dispute) -> Dispute:
    dispute = Dispute.objects.locked(dispute.pk)
    if dispute.status != Dispute.Status.OPEN:
        raise Conflict(_("This dispute is decided already."))
    return dispute
