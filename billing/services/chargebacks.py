"""Books what banks take back of payments: out of our account, and back, or owed again.

What the provider tells is a hint: its dispute is fetched as it stands, and only what is further
than we know moves anything. Locks: the order, or the invoice, then the chargeback, then what is given back.
"""

import uuid
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from functools import partial

import structlog
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import (
    AccountKind,
    Chargeback,
    CreditGrant,
    CreditNote,
    IncomingPayment,
    Invoice,
    InvoiceCharge,
    Order,
    Refund,
)
from billing.payments.provider import BankDispute
from billing.payments.stripe.provider import provider
from billing.services import (
    credit_notes,
    credits,
    holding,
    ledger,
    offsetting,
    pausing,
    receiving,
    refunds,
    surpluses,
)
from billing.services.ledger import Posting
from common import jobs, sweeping
from common.database import service
from common.errors import Conflict
from common.money import minor_digits
from tenants.services import audit

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
#: What the log calls trouble with one of them.
PUT_OFF = "chargeback_put_off"
#: How far each state is: while no money moves, none is left for one before it.
RANKS = {
    Chargeback.Status.INQUIRY: 0,
    Chargeback.Status.OPEN: 1,
    Chargeback.Status.CLOSED: 2,
    Chargeback.Status.LOST: 2,
    Chargeback.Status.WON: 3,
}


def told(found: BankDispute) -> Chargeback | None:
    """Bring a chargeback to where its bank's dispute stands; part of the caller's transaction.

    None where no payment of ours was booked that it could take back.
    """
    paid = _paid_for(found.payment_reference)
    if paid is None:
        log.error("chargeback_of_no_payment", dispute=found.dispute_id)
        return None
    row, is_new = _row(found, paid)
    if not is_new and not _is_news(row, found):
        return row
    before = {} if is_new else _facts(row)
    if found.withdrawn and not row.withdrawn:
        # The credit that is taken back would be bought again, from the same payer.
        pausing.stop_of(row.organization_id, "chargeback")
    _book(row, found)
    row.status = found.status
    row.withdrawn, row.fee = found.withdrawn.amount, found.fee.amount
    row.fee_currency, row.moves = found.fee.currency, found.moves
    row.answer_by = found.answer_by
    row.closed_at = None if row.is_waiting else row.closed_at or timezone.now()
    row.save()
    audit.record(
        organization=row.organization,
        actor=None,
        action=f"chargeback.{row.status}",
        target=row,
        before=before or None,
        after=_facts(row) | {"reference": row.reference, "reason": row.reason},
    )
    if row.status == Chargeback.Status.LOST:
        jobs.enqueue("billing.settle_chargebacks")
    return row


def _facts(row: Chargeback) -> dict[str, object]:
    return {
        "status": row.status,
        "amount": f"{row.amount.normalize():f}",
        "withdrawn": f"{row.withdrawn.normalize():f}",
        "fee": f"{row.fee.normalize():f}",
        "currency": row.currency,
    }


def _paid_for(payment_reference: str) -> Order | Invoice | None:
    """Return what a payment was booked for, locked; None where it was booked for nothing."""
    if not payment_reference:
        return None
    bought = Order.objects.filter(payment_reference=payment_reference, paid_at__isnull=False)
    if order := bought.first():
        return Order.objects.locked(order.pk)
    charged = InvoiceCharge.objects.filter(
        payment_reference=payment_reference, status=InvoiceCharge.Status.PAID
    )
    charge = charged.first()
    return Invoice.objects.locked(charge.invoice_id) if charge else None


def _row(found: BankDispute, paid: Order | Invoice) -> tuple[Chargeback, bool]:
    known, is_new = Chargeback.objects.get_or_create(
        reference=found.dispute_id,
        defaults={
            "organization_id": paid.organization_id,
            "order": paid if isinstance(paid, Order) else None,
            "invoice": paid if isinstance(paid, Invoice) else None,
            "payment_reference": found.payment_reference,
            "status": found.status,
            "reason": found.reason,
            "amount": found.amount.amount,
            "currency": found.amount.currency,
            "fee_currency": found.fee.currency,
            "opened_at": found.opened_at,
        },
    )
    return Chargeback.objects.locked(known.pk), is_new


def _is_news(row: Chargeback, found: BankDispute) -> bool:
    """Whether the dispute is further than we know; deliveries overtake one another.

    More movements are always news: a bank may withdraw after it had closed its inquiry.
    """
    rank, known = (RANKS[Chargeback.Status(it)] for it in (found.status, row.status))
    return (found.moves, rank) > (row.moves, known)


def _book(row: Chargeback, found: BankDispute) -> None:
    """Book what moved of our account since: the money, and the provider's fee."""
    moved = found.withdrawn.amount - row.withdrawn
    if moved < 0 and row.settled_at is not None:
        _come_back(row, -moved, found.moves)
    else:
        _move(row, "chargeback", found.moves, AccountKind.CHARGEBACKS, row.currency, moved)
    fee = found.fee.amount - row.fee
    _move(row, "chargeback-fee", found.moves, AccountKind.PAYMENT_FEES, found.fee.currency, fee)


def _move(
    row: Chargeback, kind: str, moves: int, to: AccountKind, currency: str, amount: Decimal
) -> None:
    """Book an amount that left our account for another, once for each number of movements."""
    if not amount:
        return
    ledger.book(
        row.organization,
        key=f"{kind}:{row.pk}:{moves}",
        kind="chargeback",
        postings=[
            Posting(to, currency, amount),
            Posting(AccountKind.PAYMENTS_CLEARING, currency, -amount),
        ],
    )


def _come_back(row: Chargeback, amount: Decimal, moves: int) -> None:
    """Take in what a bank gives back after all: it was owed again, so it pays that."""
    loose = min(row.owed, amount)
    row.owed -= loose
    _move(row, "chargeback-back", moves, AccountKind.RECEIVABLE, row.currency, -loose)
    if amount > loose:
        offsetting.receive(
            _invoice_of(row),
            amount - loose,
            source=IncomingPayment.Source.PROVIDER,
            key=f"chargeback-back:{row.pk}:{moves}",
            by=None,
            payment_reference=row.payment_reference,
        )


def _invoice_of(row: Chargeback) -> Invoice:
    if row.invoice is not None:
        return row.invoice
    invoice = Invoice.objects.filter(order=row.order_id).first()
    if invoice is None:
        raise Conflict(_("The invoice of this purchase is not written yet."))
    return invoice


def refresh() -> int:
    """Ask about every chargeback that a bank has not decided; answers how many were looked at.

    What its webhooks did not tell is found here.
    """
    with service():
        waiting = list(Chargeback.objects.waiting().values_list("reference", flat=True))
    return sweeping.each((partial(_refresh, reference) for reference in waiting), trouble=PUT_OFF)


def _refresh(reference: str) -> None:
    if found := provider.dispute(reference):
        with service():
            told(found)


def settle() -> int:
    """Let what was lost be owed again; answers how many went well, each once."""
    with service():
        waiting = list(Chargeback.objects.unsettled().order_by("pk").values_list("pk", flat=True))
        loose = list(Chargeback.objects.loose().order_by("pk").values_list("pk", flat=True))
    sweeping.each((partial(_take_since, pk) for pk in loose), trouble=PUT_OFF)
    return sweeping.each((partial(_settle_one, pk) for pk in waiting), trouble=PUT_OFF)


def _settle_one(chargeback_id: uuid.UUID) -> None:
    """Hear first what became of refunds on their way: one may have gone out and died unnoted."""
    with service():
        row = Chargeback.objects.get(pk=chargeback_id)
        going = list(
            Refund.objects.unsent().filter(order=row.order_id).values_list("pk", flat=True)
        )
    for refund_id in going:
        refunds.send(refund_id, is_decided=True)
    holding.looked_at(partial(_settle, chargeback_id))


def _take_since(chargeback_id: uuid.UUID) -> None:
    """Take what is owed from a payout that came back since: both stand on the same account."""
    with service():
        row = _locked(chargeback_id)
        if taken := surpluses.take_back(_kept_of(row), row.owed):
            row.owed -= taken
            row.save(update_fields=["owed", "updated_at"])


@dataclass(frozen=True, slots=True)
class Taken:
    """The credit that was taken back of a purchase: the money paid for it, and its credit note."""

    paid: Decimal = ZERO
    note: CreditNote | None = None

    @property
    def total(self) -> Decimal:
        """What the note says, with tax."""
        return self.note.total if self.note else ZERO


def _settle(chargeback_id: uuid.UUID) -> None:
    """Take back what is left of a purchase; what was used, or an invoice, is owed again."""
    with service():
        row = _locked(chargeback_id)
        if row.status != Chargeback.Status.LOST or row.settled_at is not None:
            return
        taken = _take_credit_back(row, row.order) if row.order is not None else Taken()
        again, owed_on = _owe_again(row)
        rest = row.withdrawn - taken.total - again
        row.owed = rest - surpluses.take_back(_kept_of(row), rest)
        row.credit_note, row.settled_at = taken.note, timezone.now()
        row.save()
        _book_loss(row, taken, again, owed_on)
        audit.record(
            organization=row.organization,
            actor=None,
            action="chargeback.settled",
            target=row,
            after={
                "credit_note": taken.note.number if taken.note else "",
                "owed_again": again,
                "owed_without_invoice": row.owed,
                "currency": row.currency,
            },
        )
        # Who pays late meets the stages again.
        jobs.enqueue("billing.dun")


def _locked(chargeback_id: uuid.UUID) -> Chargeback:
    """Return it locked, after what its payment was for."""
    row = Chargeback.objects.get(pk=chargeback_id)
    if row.order_id is not None:
        Order.objects.locked(row.order_id)
    if row.invoice_id is not None:
        Invoice.objects.locked(row.invoice_id)
    return Chargeback.objects.locked(row.pk)


def _take_credit_back(row: Chargeback, order: Order) -> Taken:
    """Take what is left of the purchase, as far as it was paid by what the bank took back."""
    refunds.keep_unsent(order)
    invoice = Invoice.objects.locked(_invoice_of(row).pk)
    if order.status == Order.Status.REFUNDED:
        # Its credit note may not be written yet, and takes nothing of what is owed again.
        refunds.credit_rest(invoice)
    _note_payment(row, order, invoice)
    given = CreditGrant.objects.get(
        organization=order.organization_id, source_key=f"order:{order.pk}"
    )
    paid = credits.take_back(given, share=min(row.withdrawn / order.total, Decimal(1)))
    net = paid.quantize(Decimal(1).scaleb(-minor_digits(order.currency)), rounding=ROUND_DOWN)
    net = min(net, credit_notes.remainder(invoice).net)
    if not net:
        return Taken(paid)
    note = credit_notes.issue(
        invoice,
        key=f"chargeback:{row.pk}",
        reason=CreditNote.Reason.CHARGEBACK,
        words=_("The payer's bank took the payment back."),
        amount=net,
        by=None,
    )
    return Taken(paid, note)


def _note_payment(row: Chargeback, order: Order, invoice: Invoice) -> None:
    """Note what had paid a purchase, which was booked with its grant: now a part of it is gone."""
    amount = receiving.due(invoice).amount
    if amount > 0 and invoice.status == Invoice.Status.PAID:
        IncomingPayment.objects.get_or_create(
            operation_key=_key(row),
            defaults={
                "organization_id": invoice.organization_id,
                "invoice": invoice,
                "source": IncomingPayment.Source.PROVIDER,
                "amount": amount,
                "currency": invoice.currency,
                "received_at": order.paid_at or timezone.now(),
            },
        )


def _key(row: Chargeback) -> str:
    """Return the name under which a payment of the provider's was booked on its invoice."""
    return f"payment:{row.payment_reference}"[:100]


def _owe_again(row: Chargeback) -> tuple[Decimal, AccountKind]:
    """Take the payment off its invoice; answers how much more that asks for, and on which account."""
    invoice = Invoice.objects.locked(_invoice_of(row).pk)
    before = receiving.due(invoice).amount
    paid = IncomingPayment.objects.filter(operation_key=_key(row), invoice=invoice).first()
    part = min(row.withdrawn, paid.amount) if paid else ZERO
    if part > 0:
        IncomingPayment.objects.create(
            organization_id=invoice.organization_id,
            invoice=invoice,
            source=IncomingPayment.Source.CHARGEBACK,
            operation_key=f"chargeback:{row.pk}",
            amount=-part,
            currency=invoice.currency,
        )
    after = before + part
    # What was written off stays written off: its loss is greater now.
    is_lost = invoice.status == Invoice.Status.UNCOLLECTIBLE
    if after > 0 and invoice.status == Invoice.Status.PAID:
        invoice.status, invoice.paid_at = Invoice.Status.OPEN, None
        invoice.save(update_fields=["status", "paid_at", "updated_at"])
    owed_on = AccountKind.ADJUSTMENTS if is_lost else AccountKind.RECEIVABLE
    return max(after, ZERO) - max(before, ZERO), owed_on


def _kept_of(row: Chargeback) -> Q:
    """Return which of the customer's surpluses are of the same payment."""
    same = Q(payment_reference=row.payment_reference)
    if row.order_id is not None:
        same |= Q(order=row.order_id) | Q(invoice__order=row.order_id)
    if row.invoice_id is not None:
        same |= Q(invoice=row.invoice_id)
    return same & Q(organization=row.organization_id, currency=row.currency)


def _book_loss(row: Chargeback, taken: Taken, again: Decimal, owed_on: AccountKind) -> None:
    """Book what nobody waits for any more: from the bank to the customer, and the credit that went."""
    net, tax = (taken.note.net, taken.note.tax) if taken.note else (ZERO, ZERO)
    currency = row.currency
    ledger.book(
        row.organization,
        key=f"chargeback-lost:{row.pk}",
        kind="chargeback",
        postings=[
            Posting(AccountKind.CHARGEBACKS, currency, -row.withdrawn),
            # The credit left through clearing, and its money had gone from there before.
            Posting(AccountKind.PAYMENTS_CLEARING, currency, taken.paid),
            Posting(AccountKind.TAX, currency, tax),
            Posting(AccountKind.ADJUSTMENTS, currency, net - taken.paid),
            Posting(owed_on, currency, again),
            Posting(AccountKind.RECEIVABLE, currency, row.withdrawn - net - tax - again),
        ],
    )
