"""Credit notes: an invoice taken back in whole, in part or by line, and never more than it."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.crediting import ZERO, Left, spread, tax_on
from billing.einvoice import facts, hints, rules
from billing.einvoice.sheets import Failure
from billing.errors import DocumentBreaksRules
from billing.models import (
    AccountKind,
    CreditNote,
    CreditNoteLine,
    IncomingPayment,
    Invoice,
    InvoiceLine,
)
from billing.services import ledger, numbering, surpluses
from billing.services.ledger import Posting
from common import jobs
from common.database import atomic
from common.errors import Conflict, DomainError
from common.money import round_to_minor
from tenants.models import User
from tenants.services import audit

#: The series of credit notes begins with this.
SERIES = "CN"


@dataclass(frozen=True, slots=True)
class Remainder:
    """What credit notes have left of an invoice."""

    credited_net: Decimal
    net: Decimal
    tax: Decimal
    lines: list[Left[InvoiceLine]]

    @property
    def total(self) -> Decimal:
        """With tax."""
        return self.net + self.tax


def remainder(invoice: Invoice) -> Remainder:
    """Return what is left of the invoice and of each of its lines."""
    sums = CreditNote.objects.filter(invoice=invoice).aggregate(net=Sum("net"), tax=Sum("tax"))
    taken = dict(
        CreditNoteLine.objects.filter(credit_note__invoice=invoice)
        .values_list("invoice_line")
        .annotate(Sum("amount"))
    )
    lines = [
        Left(line, line.amount - taken.get(line.pk, ZERO))
        for line in InvoiceLine.objects.filter(invoice=invoice)
    ]
    credited = sums["net"] or ZERO
    return Remainder(credited, invoice.net - credited, invoice.tax - (sums["tax"] or ZERO), lines)


def paid(invoice: Invoice) -> Decimal:
    """Return what has come in for the invoice."""
    payments = IncomingPayment.objects.filter(invoice=invoice)
    return payments.aggregate(sum=Sum("amount"))["sum"] or ZERO


@atomic()
def issue(
    invoice: Invoice,
    *,
    key: str,
    reason: CreditNote.Reason,
    words: str,
    by: User | None,
    amount: Decimal | None = None,
    line: InvoiceLine | None = None,
) -> CreditNote:
    """Take back a net amount, or all that is left; the same ``key`` gives the first note again.

    Of one line, or spread over all of them. What stands on the receivable account goes down by as
    much as the note says; of a purchase, the refund books that itself. An electronic one asks
    whoever opened the transaction to look at the rules first (``holding.looked_at``).
    """
    invoice = Invoice.objects.locked(invoice.pk)
    present = CreditNote.objects.filter(organization=invoice.organization_id, operation_key=key)
    if found := present.first():
        return found
    left = remainder(invoice)
    shares = _shares(invoice, left, amount, line)
    note = _write(invoice, left, shares, key=key, reason=reason, words=words)
    received = paid(invoice)
    if invoice.kind == Invoice.Kind.USAGE:
        _book(note)
        _keep_surplus(note, left.total, received)
    if invoice.status == Invoice.Status.OPEN:
        _close(invoice, asked=left.total - note.total, paid=received)
    audit.record(
        organization=invoice.organization,
        actor=by,
        action="credit_note.issued",
        target=note,
        after={
            "number": note.number,
            "invoice": invoice.number,
            "total": note.total,
            "currency": note.currency,
            "reason": note.reason,
        },
    )
    return note


def _keep_surplus(note: CreditNote, asked: Decimal, received: Decimal) -> None:
    """Keep for the customer what was paid of the part that the note takes back."""
    surplus = max(received - asked + note.total, ZERO) - max(received - asked, ZERO)
    if surplus:
        surpluses.of_credit_note(note, surplus)


def _close(invoice: Invoice, *, asked: Decimal, paid: Decimal) -> None:
    """Close an invoice that asks for nothing any more: it was paid as far as it was not void."""
    if asked > paid:
        return
    invoice.status = Invoice.Status.PAID if paid else Invoice.Status.VOID
    invoice.paid_at = timezone.now() if paid else None
    invoice.save(update_fields=["status", "paid_at", "updated_at"])
    # What was taken away for it comes back at once.
    jobs.enqueue("billing.dun")


def check(
    invoice: Invoice, *, amount: Decimal | None = None, line: InvoiceLine | None = None
) -> None:
    """Refuse what cannot be taken back of the invoice any more, and say which field is wrong."""
    _shares(invoice, remainder(invoice), amount, line)


def _shares(
    invoice: Invoice, left: Remainder, amount: Decimal | None, line: InvoiceLine | None
) -> list[Left[InvoiceLine]]:
    if invoice.status == Invoice.Status.UNCOLLECTIBLE:
        raise Conflict(_("This invoice was written off; nothing is left to take back."))
    lines = [it for it in left.lines if line is None or it.line.pk == line.pk]
    most = min(sum((it.amount for it in lines), ZERO), left.net)
    if most <= 0:
        raise Conflict(_("Credit notes have taken all of this back already."))
    wanted = most if amount is None else amount
    if wanted != round_to_minor(wanted, invoice.currency):
        raise _refused(_("This has more decimals than the currency."))
    if not 0 < wanted <= most:
        most = round_to_minor(most, invoice.currency)
        words = _("Between nothing and %(most)s %(currency)s can be taken back, before tax.")
        raise _refused(words % {"most": f"{most:f}", "currency": invoice.currency})
    return spread(lines, wanted, invoice.currency)


def _refused(words: str) -> DomainError:
    return DomainError(words, field_errors={"amount": [words]})


def _write(
    invoice: Invoice,
    left: Remainder,
    shares: list[Left[InvoiceLine]],
    *,
    key: str,
    reason: CreditNote.Reason,
    words: str,
) -> CreditNote:
    now = timezone.now()
    net = sum((share.amount for share in shares), ZERO)
    tax = tax_on(
        net,
        before=left.credited_net,
        rate=invoice.tax_rate,
        left=left.tax,
        is_all=net == left.net,
        currency=invoice.currency,
    )
    copied = (
        "organization_id", "issuer_id", "currency", "seller", "buyer", "purchase_order",
        "buyer_reference", "tax_rate", "tax_category", "tax_reason",
    )  # fmt: skip
    note = CreditNote(
        invoice=invoice,
        operation_key=key,
        reason=reason,
        words=words,
        net=net,
        tax=tax,
        total=net + tax,
        issued_at=now,
        **{name: getattr(invoice, name) for name in copied},
    )
    lines = [
        CreditNoteLine(
            organization_id=invoice.organization_id,
            credit_note=note,
            invoice_line=share.line,
            position=position,
            description=share.line.description,
            amount=share.amount,
        )
        for position, share in enumerate(shares, start=1)
    ]
    _check_rules(note, lines)
    [note.number] = numbering.take(invoice.issuer, f"{SERIES}{now.year}")
    note.save(force_insert=True)
    CreditNoteLine.objects.bulk_create(lines)
    return note


def _check_rules(note: CreditNote, lines: list[CreditNoteLine]) -> None:
    """Refuse a number to an electronic credit note that would break a rule."""
    if not note.seller.get("is_electronic"):
        return
    broken = rules.broken(facts.of_credit_note(note, lines))
    if broken:
        raise DocumentBreaksRules([f"{it.code}: {_plain(it)}" for it in broken])


def _plain(failure: Failure) -> str:
    hint = hints.plain(failure.code)
    return _(hint) if hint else failure.words


def _book(note: CreditNote) -> None:
    ledger.book(
        note.organization,
        key=f"credit-note:{note.pk}",
        kind="credit_note",
        postings=[
            Posting(AccountKind.RECEIVABLE, note.currency, -note.total),
            Posting(AccountKind.TAX, note.currency, note.tax),
            Posting(AccountKind.REVENUE, note.currency, note.net),
        ],
    )
