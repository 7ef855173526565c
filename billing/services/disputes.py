"""Disputes: what a customer objects to, and how that ends."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import Correction, Dispute, Invoice, InvoiceLine
from billing.services import corrections, credit_notes
from billing.services.credit_notes import Remainder
from common.database import atomic
from common.errors import Conflict
from common.money import minor_digits
from tenants.models import ApiKey, User
from tenants.services import audit, owed

#: What came of these was nothing: opened again about the same, they hold nobody off.
IN_VAIN = (Dispute.Status.REFUSED, Dispute.Status.WITHDRAWN)


@atomic()
def open_(
    invoice: Invoice,
    *,
    by: User,
    reason: str,
    through: ApiKey | None = None,
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
        actor=through or by,
        action="dispute.opened",
        target=dispute,
        after={"invoice": invoice.number, "claimed": claimed, "reason": reason},
    )
    return dispute


@atomic()
def withdraw(dispute: Dispute, *, by: User, through: ApiKey | None = None) -> Dispute:
    """Take the objection back while nobody has decided it."""
    dispute = _locked(dispute)
    dispute.status = Dispute.Status.WITHDRAWN
    dispute.save(update_fields=["status", "updated_at"])
    _audit(dispute, through or by)
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
    owed.owe(
        "billing.mail_dispute_decision",
        organization_id=dispute.organization_id,
        dispute_id=str(dispute.pk),
    )
    return dispute


def hold_off(invoice: Invoice) -> bool:
    """Whether all that the invoice still asks for is objected to, and for the first time.

    What nobody objects to is owed meanwhile, and whoever was told once why a line stands, or took
    an objection back, cannot put payment off by another one.
    """
    waiting = list(in_earnest(invoice))
    if not waiting:
        return False
    left = credit_notes.remainder(invoice)
    net = sum((_subject(dispute, left) for dispute in waiting), Decimal(0))
    unit = Decimal(1).scaleb(-minor_digits(invoice.currency))
    gross = (min(net, left.net) * (1 + invoice.tax_rate)).quantize(unit, ROUND_CEILING)
    return left.total - credit_notes.paid(invoice) <= gross


def in_earnest(invoice: Invoice) -> QuerySet[Dispute]:
    """Return the open objections to what was not objected to in vain before."""
    every = Dispute.objects.filter(invoice=invoice)
    in_vain = set(every.filter(status__in=IN_VAIN).values_list("line", flat=True))
    if None in in_vain:
        return every.none()
    waiting = every.waiting()
    # One about the whole invoice is about the lines that were refused, too.
    return waiting.exclude(line=None).exclude(line__in=in_vain) if in_vain else waiting


def _subject(dispute: Dispute, left: Remainder) -> Decimal:
    """Return what an objection is about, before tax."""
    if dispute.claimed is not None:
        return dispute.claimed
    if dispute.line_id is None:
        return left.net
    return next((it.amount for it in left.lines if it.line.pk == dispute.line_id), Decimal(0))


def _locked(dispute: Dispute) -> Dispute:
    dispute = Dispute.objects.locked(dispute.pk)
    if dispute.status != Dispute.Status.OPEN:
        raise Conflict(_("This dispute is decided already."))
    return dispute


def _audit(dispute: Dispute, actor: User | ApiKey) -> None:
    audit.record(
        organization=dispute.organization,
        actor=actor,
        action=f"dispute.{dispute.status}",
        target=dispute,
        before={"status": Dispute.Status.OPEN.value},
        after={"status": dispute.status, "answer": dispute.answer},
    )
