"""Disputes: what a customer objects to, and how that ends."""

from collections.abc import Sequence
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import Correction, Dispute, Invoice, InvoiceLine
from billing.services import corrections, credit_notes
from common import jobs
from common.database import atomic
from common.errors import Conflict
from tenants.models import User
from tenants.services import audit


@atomic()
def open_(
    invoice: Invoice,
    *,
    by: User,
    reason: str,
    line: InvoiceLine | None = None,
    claimed: Decimal | None = None,
    request_ids: Sequence[str] = (),
) -> Dispute:
    """Object to an invoice or one of its lines; one objection to each waits at a time."""
    if invoice.kind != Invoice.Kind.USAGE:
        raise Conflict(_("A purchase is corrected by refunding its payment."))
    credit_notes.check(invoice, amount=claimed, line=line)
    try:
        with atomic():
            dispute = Dispute.objects.create(
                organization_id=invoice.organization_id,
                invoice=invoice,
                line=line,
                reason=reason,
                claimed=claimed,
                request_ids=list(request_ids),
                opened_by=by,
            )
    except IntegrityError:
        raise Conflict(_("A dispute about this is open already.")) from None
    audit.record(
        organization=invoice.organization,
        actor=by,
        action="dispute.opened",
        target=dispute,
        after={"invoice": invoice.number, "claimed": claimed, "reason": reason},
    )
    return dispute


@atomic()
def withdraw(dispute: Dispute, *, by: User) -> Dispute:
    """Take the objection back while nobody has decided it."""
    dispute = _locked(dispute)
    dispute.status = Dispute.Status.WITHDRAWN
    dispute.save(update_fields=["status", "updated_at"])
    _audit(dispute, by)
    return dispute


@atomic()
def refuse(dispute: Dispute, *, by: User, answer: str) -> Dispute:
    """Refuse with a reason; a proposal to accept that waits is closed with it."""
    # The order in which an approval locks too: invoice, correction, dispute.
    Invoice.objects.locked(dispute.invoice_id)
    for correction in Correction.objects.waiting().filter(dispute=dispute):
        corrections.refuse(correction, by=by)
    dispute = _locked(dispute)
    dispute.status = Dispute.Status.REFUSED
    dispute.answer = answer
    dispute.decided_by = by
    dispute.decided_at = timezone.now()
    dispute.save()
    _audit(dispute, by)
    jobs.enqueue(
        "billing.mail_dispute_decision",
        organization_id=str(dispute.organization_id),
        dispute_id=str(dispute.pk),
    )
    return dispute


def _locked(dispute: Dispute) -> Dispute:
    dispute = Dispute.objects.locked(dispute.pk)
    if dispute.status != Dispute.Status.OPEN:
        raise Conflict(_("This dispute is decided already."))
    return dispute


def _audit(dispute: Dispute, by: User) -> None:
    audit.record(
        organization=dispute.organization,
        actor=by,
        action=f"dispute.{dispute.status}",
        target=dispute,
        before={"status": Dispute.Status.OPEN.value},
        after={"status": dispute.status, "answer": dispute.answer},
    )
