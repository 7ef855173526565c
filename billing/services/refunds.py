"""Gives back what is left of a bought bundle, in proportion to what was paid, under four eyes.

The credit goes first and the money last: credit and credit note in one transaction, then the
provider is asked, as often as it takes, for one and the same refund.
"""

import uuid
from decimal import ROUND_DOWN, Decimal
from functools import partial

from django.db import IntegrityError
from django.db.models import DecimalField, F, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from billing import chargebacks
from billing.models import AccountKind, CreditGrant, CreditNote, Invoice, Order, Refund, Surplus
from billing.payments.errors import RefundRefused
from billing.payments.stripe.provider import provider
from billing.services import credit_notes, credits, four_eyes, holding, ledger, surpluses
from billing.services.ledger import Posting
from common import jobs, sweeping
from common.database import atomic, service
from common.errors import Conflict
from common.money import Money, minor_digits
from tenants.models import User
from tenants.services import audit

ZERO = Decimal(0)
#: What the log calls trouble with one of them.
PUT_OFF = "refund_put_off"


def refundable(order: Order) -> Money:
    """Return what could go back now, before tax: what was paid for the part that nobody used."""
    given = CreditGrant.objects.filter(
        organization=order.organization_id, source_key=f"order:{order.pk}", voided_at=None
    ).first()
    is_over = given is not None and given.expires_at and given.expires_at <= timezone.now()
    has_way_back = order.payment_reference or order.is_by_transfer
    if given is None or is_over or order.status != Order.Status.PAID or not has_way_back:
        return Money(ZERO, order.currency)
    paid = given.cost_basis * (given.remaining - given.leased) / given.granted
    return Money(_down(paid, order.currency), order.currency)


def _down(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_DOWN)


@atomic()
def propose(order: Order, *, words: str, by: User) -> Refund:
    """Put a refund before a second person; the credit can be used until it is approved."""
    order = Order.objects.locked(order.pk)
    _check(order)
    try:
        with atomic():
            refund = Refund.objects.create(
                organization_id=order.organization_id, order=order, words=words, proposed_by=by
            )
    except IntegrityError:
        raise Conflict(_("This purchase is being refunded already.")) from None
    _audit(refund, "refund.proposed", by)
    return refund


def _check(order: Order) -> None:
    chargebacks.refuse_while_undecided(order.chargebacks.all())
    if not refundable(order):
        raise Conflict(_("Nothing is left of this purchase that could be paid back."))


def approve(refund: Refund, *, by: User) -> Refund:
    """Take back what is left, write the credit note, and send the money once this is committed.

    What came by bank transfer, or what the provider cannot send to the last digit, is kept as the
    customer's, to be paid out as every surplus is.
    """
    return holding.looked_at(partial(_approve, refund, by))


@atomic()
def _approve(refund: Refund, by: User) -> Refund:
    order = Order.objects.locked(refund.order_id)
    refund = _locked_proposed(refund)
    four_eyes.check(
        by, proposed_by_id=refund.proposed_by_id, organization_id=refund.organization_id
    )
    _check(order)
    given = CreditGrant.objects.get(
        organization=order.organization_id, source_key=f"order:{order.pk}"
    )
    # Requests may have taken some of it since: what is really taken off counts.
    paid = credits.void(given, by=by, refunded=True, reason=refund.words)
    net = _down(paid, order.currency)
    if not net:
        raise Conflict(_("Nothing is left of this purchase that could be paid back."))
    note = _note(order, refund, net, by)
    _book(refund, order, note, paid)
    refund.net, refund.tax, refund.credit_note = note.net, note.tax, note
    _decide(refund, Refund.Status.APPROVED, by)
    if order.is_by_transfer or provider.chargeable(refund.total) != refund.total:
        return _keep(refund, order)
    jobs.enqueue("billing.send_refund", refund_id=str(refund.pk))
    return refund


def _keep(refund: Refund, order: Order) -> Refund:
    """Keep the money where no provider can carry it back: no invoice takes it meanwhile."""
    surpluses.keep_money(
        order.organization,
        refund.total.amount,
        order.currency,
        key=f"refund:{refund.pk}",
        order=order,
        wish=Surplus.Wish.PAY_BACK,
    )
    return _ended(refund, Refund.Status.KEPT)


def _note(order: Order, refund: Refund, net: Decimal, by: User) -> CreditNote:
    invoice = Invoice.objects.filter(order=order).first()
    if invoice is None:
        raise Conflict(_("The invoice of this purchase is not written yet."))
    return credit_notes.issue(
        invoice,
        key=f"refund:{refund.pk}",
        reason=CreditNote.Reason.REFUND,
        words=refund.words,
        amount=net,
        by=by,
    )


def _book(refund: Refund, order: Order, note: CreditNote, paid: Decimal) -> None:
    """Book the tax that goes back too, and the part of a cent that cannot."""
    ledger.book(
        order.organization,
        key=f"refund-tax:{refund.pk}",
        kind="refund",
        postings=[
            Posting(AccountKind.PAYMENTS_CLEARING, order.currency, paid - note.total),
            Posting(AccountKind.TAX, order.currency, note.tax),
            Posting(AccountKind.ADJUSTMENTS, order.currency, note.net - paid),
        ],
    )


@atomic()
def refuse(refund: Refund, *, by: User) -> Refund:
    """Close a proposal without effect; the proposer may do that too."""
    refund = _locked_proposed(refund)
    return _decide(refund, Refund.Status.REFUSED, by)


def send(refund_id: uuid.UUID, *, is_decided: bool = False) -> Refund:
    """Let the provider pay it back, once however often it is asked; what it refuses is kept.

    Nothing is sent before a bank has decided that takes the payment back; then it is refused.
    """
    with service():
        refund = Refund.objects.select_related("order").get(pk=refund_id)
        is_held = not is_decided and refund.order.chargebacks.undecided().exists()
    if refund.status != Refund.Status.APPROVED or is_held:
        return refund
    try:
        reference = provider.refund(
            refund.order.payment_reference,
            refund.total,
            refund_id=refund.pk,
            attempt=refund.attempt,
        )
    except RefundRefused as refusal:
        return _end(refund, Refund.Status.FAILED, failure=refusal.why)
    return _end(refund, Refund.Status.SENT, reference=reference)


def _end(refund: Refund, status: Refund.Status, **facts: str) -> Refund:
    with service():
        attempt, refund = refund.attempt, Refund.objects.locked(refund.pk)
        # Who sent an attempt that was given up meanwhile has nothing to say of the next one.
        if refund.status != Refund.Status.APPROVED or refund.attempt != attempt:
            return refund
        return _ended(refund, status, **facts)


def _ended(refund: Refund, status: Refund.Status, **facts: str) -> Refund:
    refund.status = status
    for name, value in facts.items():
        setattr(refund, name, value)
    refund.save()
    _audit(refund, f"refund.{status.value}", None)
    return refund


@atomic()
def bounce(reference: str) -> None:
    """Note that what was paid back came back: people send it once more, or otherwise."""
    for found in Refund.objects.filter(reference=reference, status=Refund.Status.SENT):
        refund = Refund.objects.locked(found.pk)
        if refund.status == Refund.Status.SENT:
            _ended(refund, Refund.Status.FAILED, failure="bounced")


@atomic()
def retry(refund: Refund, *, by: User) -> Refund:
    """Send once more what the provider refused."""
    refund = Refund.objects.locked(refund.pk)
    if refund.status != Refund.Status.FAILED:
        raise Conflict
    chargebacks.refuse_while_undecided(refund.order.chargebacks.all())
    refund.status, refund.failure = Refund.Status.APPROVED, ""
    refund.attempt += 1
    refund.save(update_fields=["status", "failure", "attempt", "updated_at"])
    _audit(refund, "refund.retried", by)
    jobs.enqueue("billing.send_refund", refund_id=str(refund.pk))
    return refund


@atomic()
def keep(refund: Refund, *, by: User) -> Refund:
    """Keep what the provider goes on refusing as the customer's: a transfer carries it, as a payout.

    The payout needs four eyes of its own, and no invoice takes the money meanwhile.
    """
    order = Order.objects.locked(refund.order_id)
    refund = Refund.objects.locked(refund.pk)
    if refund.status != Refund.Status.FAILED:
        raise Conflict
    chargebacks.refuse_while_undecided(order.chargebacks.all())
    kept = _keep(refund, order)
    _audit(kept, "refund.kept_for_transfer", by)
    return kept


def keep_unsent(order: Order) -> None:
    """Keep what the provider refused of a locked order whose payment its bank took back meanwhile."""
    for found in Refund.objects.filter(order=order, status=Refund.Status.FAILED):
        refund = Refund.objects.locked(found.pk)
        if refund.status == Refund.Status.FAILED:
            _keep(refund, order)


def sweep() -> int:
    """Send what was approved and never sent; answers with how many that went well."""
    with service():
        waiting = list(Refund.objects.unsent().values_list("pk", flat=True))
    return sweeping.each((partial(send, refund_id) for refund_id in waiting), trouble=PUT_OFF)


def credit_returned() -> int:
    """Write credit notes over payments that were given back at the provider.

    Answers how many of those that miss one were looked at; one in trouble leaves the others theirs.
    """
    with service():
        noted = Coalesce(Sum("credit_notes__total"), ZERO, output_field=DecimalField())
        returned = Invoice.objects.filter(order__status=Order.Status.REFUNDED)
        open_ones = returned.annotate(noted=noted).filter(noted__lt=F("total")).order_by("pk")
        waiting = list(open_ones.values_list("pk", flat=True))
    writes = (partial(_credit_rest, invoice_id) for invoice_id in waiting)
    looks = (partial(holding.looked_at, write) for write in writes)
    return sweeping.each(looks, trouble=PUT_OFF)


def _credit_rest(invoice_id: uuid.UUID) -> None:
    with service():
        credit_rest(Invoice.objects.locked(invoice_id))


def credit_rest(invoice: Invoice) -> None:
    """Write the credit note over what is left of a locked purchase that was given back, once."""
    if credit_notes.remainder(invoice).net <= 0:
        return
    credit_notes.issue(
        invoice,
        key=f"returned:{invoice.order_id}",
        reason=CreditNote.Reason.REFUND,
        words=gettext("The payment was given back."),
        by=None,
    )


def given_back(order: Order) -> tuple[Decimal, Decimal]:
    """Return what our own refunds of the order have booked: before tax, and tax."""
    sums = Refund.objects.decided().filter(order=order).aggregate(net=Sum("net"), tax=Sum("tax"))
    return sums["net"] or ZERO, sums["tax"] or ZERO


def _locked_proposed(refund: Refund) -> Refund:
    refund = Refund.objects.locked(refund.pk)
    if not refund.is_open:
        raise Conflict
    return refund


def _decide(refund: Refund, status: Refund.Status, by: User) -> Refund:
    refund.status, refund.decided_by, refund.decided_at = status, by, timezone.now()
    refund.save()
    _audit(refund, f"refund.{status.value}", by)
    return refund


def _audit(refund: Refund, action: str, by: User | None) -> None:
    audit.record(
        organization=refund.organization,
        actor=by,
        action=action,
        target=refund,
        after={
            "status": refund.status,
            "net": refund.net,
            "tax": refund.tax,
            "words": refund.words,
            **({"failure": refund.failure} if refund.failure else {}),
        },
    )
