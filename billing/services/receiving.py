"""Books what was paid on an invoice, once, and closes the invoice when all of it is there."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import AccountKind, IncomingPayment, Invoice, ManualPayment
from billing.services import credit_notes, four_eyes, ledger, telling
from billing.services.ledger import Posting
from common import jobs
from common.database import atomic
from common.errors import Conflict, DomainError
from common.money import Money, round_to_minor
from tenants.models import User
from tenants.services import audit


class MoreThanDue(DomainError):
    """So much is not asked for: what is too much is given back or assigned by a person."""

    code = "more_than_due"
    detail = _("This is more than the invoice still asks for.")


class NotOpen(Conflict):
    """It is paid, void or not issued yet: nothing is asked for."""

    code = "invoice_not_open"

    def __init__(self, invoice: Invoice) -> None:
        facts = {"number": invoice.number, "state": invoice.get_status_display()}
        super().__init__(
            _("Invoice %(number)s asks for no payment: its state is “%(state)s”.") % facts
        )


def asks_for_payment(invoice: Invoice) -> bool:
    """Whether a payment of the invoice can be taken; what was written off may still come in."""
    return invoice.status in (Invoice.Status.OPEN, Invoice.Status.UNCOLLECTIBLE)


def due(invoice: Invoice) -> Money:
    """Return what the invoice still asks for: its total less credit notes and payments."""
    left = credit_notes.remainder(invoice).total - credit_notes.paid(invoice)
    return Money(left, invoice.currency)


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
) -> IncomingPayment:
    """Book a payment once per ``key``; an invoice that is paid in full is closed."""
    invoice = Invoice.objects.locked(invoice.pk)
    if known := IncomingPayment.objects.filter(operation_key=key).first():
        return known
    if not asks_for_payment(invoice):
        raise NotOpen(invoice)
    if amount <= 0 or amount != round_to_minor(amount, invoice.currency):
        raise DomainError(field_errors={"amount": [_("This is no amount of this currency.")]})
    left = due(invoice)
    if amount > left.amount:
        raise MoreThanDue
    payment = IncomingPayment.objects.create(
        organization=invoice.organization,
        invoice=invoice,
        source=source,
        operation_key=key,
        amount=amount,
        currency=invoice.currency,
        words=words,
        received_at=at or timezone.now(),
    )
    _book(invoice, payment)
    audit.record(
        organization=invoice.organization,
        actor=by,
        action="invoice.payment_received",
        target=invoice,
        after={"amount": amount, "currency": invoice.currency, "source": source.value},
    )
    if amount == left.amount:
        invoice.status, invoice.paid_at = Invoice.Status.PAID, payment.received_at
        invoice.save(update_fields=["status", "paid_at", "updated_at"])
        telling.invoice_paid(invoice)
        # What was taken away for it comes back at once.
        jobs.enqueue("billing.dun")
    return payment


def _book(invoice: Invoice, payment: IncomingPayment) -> None:
    # What was written off is owed no more: its money undoes the loss.
    is_lost = invoice.status == Invoice.Status.UNCOLLECTIBLE
    owed = AccountKind.ADJUSTMENTS if is_lost else AccountKind.RECEIVABLE
    # What was paid too much before stands on the receivable account already.
    is_new = payment.source != IncomingPayment.Source.SURPLUS
    came_by = AccountKind.PAYMENTS_CLEARING if is_new else AccountKind.RECEIVABLE
    if came_by == owed:
        return
    ledger.book(
        invoice.organization,
        key=f"payment:{payment.pk}",
        kind="payment",
        postings=[
            Posting(came_by, invoice.currency, payment.amount),
            Posting(owed, invoice.currency, -payment.amount),
        ],
    )


@atomic()
def propose(invoice: Invoice, amount: Decimal, *, words: str, by: User) -> ManualPayment:
    """Note a payment that somebody else has to approve before it counts."""
    invoice = Invoice.objects.locked(invoice.pk)
    if not asks_for_payment(invoice):
        raise NotOpen(invoice)
    if amount > due(invoice).amount:
        raise MoreThanDue
    made = ManualPayment.objects.create(invoice=invoice, amount=amount, words=words, proposed_by=by)
    audit.record(
        organization=invoice.organization,
        actor=by,
        action="payment.proposed",
        target=invoice,
        after={"amount": amount, "words": words},
    )
    return made


@atomic()
def approve(proposed: ManualPayment, *, by: User) -> IncomingPayment:
    """Book what somebody else proposed, once."""
    proposed = _undecided(proposed)
    four_eyes.check(
        by,
        proposed_by_id=proposed.proposed_by_id,
        organization_id=proposed.invoice.organization_id,
    )
    _decide(proposed, ManualPayment.Status.APPROVED, by)
    return receive(
        proposed.invoice,
        proposed.amount,
        source=IncomingPayment.Source.MANUAL,
        key=f"manual:{proposed.pk}",
        words=proposed.words,
        by=by,
    )


@atomic()
def refuse(proposed: ManualPayment, *, by: User) -> None:
    """Let a proposed payment not count; whoever proposed it may take it back too."""
    _decide(_undecided(proposed), ManualPayment.Status.REFUSED, by)


def _undecided(proposed: ManualPayment) -> ManualPayment:
    # The invoice before its payment: the order in which everybody locks the two.
    Invoice.objects.locked(proposed.invoice_id)
    proposed = ManualPayment.objects.locked(proposed.pk)
    if proposed.status != ManualPayment.Status.PROPOSED:
        raise Conflict
    return proposed


def _decide(proposed: ManualPayment, status: ManualPayment.Status, by: User) -> None:
    proposed.status, proposed.decided_by, proposed.decided_at = status, by, timezone.now()
    proposed.save()
    audit.record(
        organization=proposed.invoice.organization,
        actor=by,
        action=f"payment.{status.value}",
        target=proposed.invoice,
        after={"amount": proposed.amount, "words": proposed.words},
    )
