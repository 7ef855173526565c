"""Pays surpluses back under four eyes: what is booked first goes out once, or comes back."""

import contextlib
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from stdnum import iban as ibans

from billing import chargebacks
from billing.models import AccountKind, InvoiceCharge, Payout, Surplus
from billing.payments.errors import RefundRefused
from billing.payments.stripe.provider import provider
from billing.services import four_eyes, ledger
from billing.services.ledger import Posting
from common import jobs, sweeping
from common.database import atomic, service
from common.errors import Conflict, DomainError
from common.money import Money
from tenants.models import User
from tenants.services import audit


def payment_of(surplus: Surplus) -> str:
    """Return the provider's payment that can carry all of it back; empty where none can."""
    whole = Money(surplus.left, surplus.currency)
    if provider.chargeable(whole) != whole:
        return ""
    if surplus.payment_reference:
        return surplus.payment_reference
    charges = InvoiceCharge.objects.filter(
        invoice=surplus.invoice_id, status=InvoiceCharge.Status.PAID
    )
    for charge in charges if surplus.invoice_id else ():
        if charge.amount - given_back(charge.payment_reference) >= surplus.left:
            return charge.payment_reference
    return ""


def given_back(payment_reference: str) -> Decimal:
    """Return what our payouts have sent back by a payment, or are about to."""
    going = Payout.objects.filter(payment_reference=payment_reference).exclude(
        status__in=(Payout.Status.REFUSED, Payout.Status.FAILED)
    )
    sent: Decimal | None = going.aggregate(sum=Sum("amount"))["sum"]
    return sent or Decimal(0)


@atomic()
def propose(surplus: Surplus, way: Payout.Way, *, words: str, by: User, iban: str = "") -> Payout:
    """Put paying all of it back before a second person; until then no invoice takes of it."""
    surplus = Surplus.objects.locked(surplus.pk)
    reference = payment_of(surplus) if way == Payout.Way.METHOD else ""
    iban = ibans.compact(iban or surplus.iban) if way == Payout.Way.BANK else ""
    if not surplus.left:
        raise Conflict(_("Nothing is left of it."))
    chargebacks.refuse_while_undecided(chargebacks.of_surplus(surplus))
    if way == Payout.Way.METHOD and not reference:
        raise DomainError(field_errors={"way": [_("No payment can carry it back.")]})
    if way == Payout.Way.BANK and not ibans.is_valid(iban):
        raise DomainError(field_errors={"iban": [_("This is no account number (IBAN).")]})
    try:
        with atomic():
            payout = Payout.objects.create(
                organization_id=surplus.organization_id,
                surplus=surplus,
                way=way,
                amount=surplus.left,
                payment_reference=reference,
                iban=iban,
                words=words,
                proposed_by=by,
            )
    except IntegrityError:
        raise Conflict(_("It is on its way already.")) from None
    surplus.wish = Surplus.Wish.PAY_BACK
    surplus.save(update_fields=["wish", "updated_at"])
    _audit(payout, "payout.proposed", by)
    return payout


@atomic()
def approve(payout: Payout, *, by: User) -> Payout:
    """Book what somebody else proposed, and send it once this is committed."""
    surplus, payout = _locked(payout, Payout.Status.PROPOSED)
    four_eyes.check(
        by, proposed_by_id=payout.proposed_by_id, organization_id=payout.organization_id
    )
    chargebacks.refuse_while_undecided(chargebacks.of_surplus(surplus))
    surplus.left -= payout.amount
    surplus.save(update_fields=["left", "updated_at"])
    _book(payout, "payout", 1)
    payout.decided_by, payout.decided_at = by, timezone.now()
    payout = _move(payout, Payout.Status.APPROVED, by)
    if payout.way == Payout.Way.METHOD:
        jobs.enqueue("billing.send_payout", payout_id=str(payout.pk))
    return payout


@atomic()
def refuse(payout: Payout, *, by: User) -> Payout:
    """Close a proposal without effect; the proposer may do that too."""
    _surplus, payout = _locked(payout, Payout.Status.PROPOSED)
    payout.decided_by, payout.decided_at = by, timezone.now()
    return _move(payout, Payout.Status.REFUSED, by)


@atomic()
def transferred(payout: Payout, *, reference: str, by: User) -> Payout:
    """Note that the bank was told, and under which reference."""
    _surplus, payout = _locked(payout, Payout.Status.APPROVED)
    if payout.way != Payout.Way.BANK:
        raise Conflict
    payout.reference = reference
    return _move(payout, Payout.Status.SENT, by)


@atomic()
def came_back(payout: Payout, *, why: str, by: User) -> Payout:
    """Take back what a bank did not take, at once or days later: it is the customer's again.

    What the provider pays back is its own to tell of: a person could only guess, and it would go twice.
    """
    payout = Payout.objects.get(pk=payout.pk)
    if not payout.may_come_back:
        raise Conflict(_("No transfer of it is on its way."))
    return _returned(payout, Payout.Status(payout.status), why=why, by=by)


@atomic()
def bounce(reference: str) -> None:
    """Take back what the payer's bank would not take after the provider had sent it, once."""
    sent = Payout.objects.filter(way=Payout.Way.METHOD, status=Payout.Status.SENT)
    for payout in sent.filter(reference=reference):
        with contextlib.suppress(Conflict):
            _returned(payout, Payout.Status.SENT, why="bounced", by=None)


def _returned(payout: Payout, status: Payout.Status, *, why: str, by: User | None) -> Payout:
    surplus, payout = _locked(payout, status)
    payout.failure = why[:200]
    surplus.left += payout.amount
    surplus.save(update_fields=["left", "updated_at"])
    _book(payout, "payout-back", -1)
    # A bank that took the payment back is owed from it.
    jobs.enqueue("billing.settle_chargebacks")
    return _move(payout, Payout.Status.FAILED, by)


def send(payout_id: UUID) -> Payout:
    """Let the provider pay it back, once however often it is asked."""
    with service():
        payout = Payout.objects.select_related("surplus").get(pk=payout_id)
        is_held = chargebacks.of_surplus(payout.surplus).undecided().exists()
    if payout.status != Payout.Status.APPROVED or payout.way != Payout.Way.METHOD or is_held:
        return payout
    try:
        reference = provider.refund(payout.payment_reference, payout.worth, refund_id=payout.pk)
    except RefundRefused as refusal:
        return _ended(payout, failure=refusal.why)
    return _ended(payout, reference=reference)


def _ended(payout: Payout, *, reference: str = "", failure: str = "") -> Payout:
    with service():
        try:
            if failure:
                return _returned(payout, Payout.Status.APPROVED, why=failure, by=None)
            _surplus, payout = _locked(payout, Payout.Status.APPROVED)
        except Conflict:
            # Another worker asked for the same and noted the answer.
            return payout
        payout.reference = reference
        return _move(payout, Payout.Status.SENT, None)


def sweep() -> int:
    """Send what was approved and never sent; answers with how many that went well."""
    with service():
        waiting = list(Payout.objects.unsent().values_list("pk", flat=True))
    sends = (partial(send, payout_id) for payout_id in waiting)
    return sweeping.each(sends, trouble="payout_put_off")


def _locked(payout: Payout, status: Payout.Status) -> tuple[Surplus, Payout]:
    surplus = Surplus.objects.locked(payout.surplus_id)
    payout = Payout.objects.locked(payout.pk)
    if payout.status != status:
        raise Conflict
    return surplus, payout


def _book(payout: Payout, kind: str, sign: int) -> None:
    currency, amount = payout.surplus.currency, payout.amount * sign
    ledger.book(
        payout.organization,
        key=f"{kind}:{payout.pk}",
        kind="payout",
        postings=[
            Posting(AccountKind.RECEIVABLE, currency, amount),
            Posting(AccountKind.PAYMENTS_CLEARING, currency, -amount),
        ],
    )


def _move(payout: Payout, status: Payout.Status, by: User | None) -> Payout:
    payout.status = status
    payout.save()
    _audit(payout, f"payout.{status.value}", by)
    return payout


def _audit(payout: Payout, action: str, by: User | None) -> None:
    audit.record(
        organization=payout.organization,
        actor=by,
        action=action,
        target=payout,
        after={
            "status": payout.status,
            "amount": payout.amount,
            "way": payout.way,
            "words": payout.words,
            **({"reference": payout.reference} if payout.reference else {}),
            **({"failure": payout.failure} if payout.failure else {}),
        },
    )
