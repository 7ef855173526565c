"""Has invoices paid by a saved method as soon as they are issued, where that was chosen or agreed.

The attempt is placed under the invoice's lock and charged after commit under its own idempotency
key, so a worker that dies between the two leaves an attempt that the next sweep charges once.
"""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import agreements, chargebacks
from billing.models import (
    Collection,
    Contract,
    Invoice,
    InvoiceCharge,
    PaymentChoice,
    PaymentMethod,
)
from billing.services import charges, disputes, methods, offsetting, receiving
from common import jobs, sweeping
from common.database import atomic, service
from common.errors import Conflict
from tenants.models import Organization, User
from tenants.services import audit

#: How long nothing is charged for an invoice after each decline of one method; then never again by
#: itself: dunning goes on, and the customer may pay on a page or save another method.
RESTS = (timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=5))
#: What the log calls trouble with one of them.
PUT_OFF = "charge_put_off"


@atomic()
def choose(organization: Organization, *, is_automatic: bool, by: User) -> PaymentChoice:
    """Note whether the organization's invoices are charged to its saved method."""
    if is_automatic and methods.default(organization) is None:
        raise Conflict(_("Save a payment method first: it is what will be charged."))
    before = PaymentChoice.objects.filter(organization=organization).first()
    choice, _made = PaymentChoice.objects.update_or_create(
        organization=organization, defaults={"is_automatic": is_automatic, "set_by": by}
    )
    audit.record(
        organization=organization,
        actor=by,
        action="payment_choice.set",
        target=choice,
        before={"is_automatic": before.is_automatic} if before else None,
        after={"is_automatic": is_automatic},
    )
    jobs.enqueue("billing.collect")
    return choice


def agreed(organization: Organization, now: datetime) -> Collection:
    """Return what the contract in force says about how invoices are paid."""
    contract = agreements.in_force(organization, now)
    return Collection(contract.collection) if contract else Collection.CHOICE


def is_automatic(organization: Organization, now: datetime) -> bool:
    """Whether invoices are charged: as the contract says, or as the customer chose."""
    said = agreed(organization, now)
    chosen = PaymentChoice.objects.filter(organization=organization, is_automatic=True)
    return said == Collection.AUTOMATIC or (said == Collection.CHOICE and chosen.exists())


def sweep(now: datetime | None = None) -> int:
    """Charge what is due for an attempt; return how many invoices were paid."""
    now = now or timezone.now()
    offsetting.apply_all()
    with service():
        unfinished = list(InvoiceCharge.objects.lost(now).select_related("invoice"))
        waiting = list(_waiting(now))
    places = (partial(_place, invoice_id, now) for invoice_id in waiting)
    placed = filter(None, sweeping.answers(places, trouble=PUT_OFF))
    _give_up_unanswered(now)
    charged = (partial(_charge, attempt) for attempt in [*unfinished, *placed])
    return sum(sweeping.answers(charged, trouble=PUT_OFF))


def _waiting(now: datetime) -> list[UUID]:
    """Return the open invoices of those whose invoices are charged, the oldest first."""
    chosen = PaymentChoice.objects.filter(is_automatic=True).values("organization")
    held = Contract.objects.at(now).filter(collection=Collection.AUTOMATIC)
    wanted = Q(organization__in=chosen) | Q(organization__in=held.values("organization"))
    found = Invoice.objects.open().filter(wanted).exclude(charges__status="pending")
    return list(found.order_by("due_at", "id").values_list("pk", flat=True))


def _place(invoice_id: UUID, now: datetime) -> InvoiceCharge | None:
    """Place one attempt under the invoice's lock, if one is due and nobody objects to the invoice."""
    with service():
        invoice = Invoice.objects.locked(invoice_id)
        method = methods.default(invoice.organization)
        due = receiving.due(invoice).amount
        is_open = invoice.status == Invoice.Status.OPEN and due > 0
        if not is_open or method is None or not is_automatic(invoice.organization, now):
            return None
        if _is_held_back(invoice) or not _has_rested(invoice, method, now):
            return None
        return charges.place(invoice, due, method_id=method.method_id)


def _is_held_back(invoice: Invoice) -> bool:
    """Whether an attempt is in flight, or somebody objects to the invoice, and not again in vain.

    What a bank took back is charged again only by somebody who is there.
    """
    in_flight = InvoiceCharge.objects.pending().filter(invoice=invoice)
    is_taken_back = chargebacks.of_invoice(invoice).settled()
    return any(it.exists() for it in (in_flight, disputes.in_earnest(invoice), is_taken_back))


def _has_rested(invoice: Invoice, method: PaymentMethod, now: datetime) -> bool:
    """Whether it is long enough since the last decline; another method begins anew, an hour later."""
    declined = InvoiceCharge.objects.declined().filter(invoice=invoice)
    last = declined.order_by("-ended_at").first()
    times = declined.filter(method_id=method.method_id).count()
    if last is None or last.ended_at is None:
        return True
    return times <= len(RESTS) and last.ended_at + RESTS[max(times, 1) - 1] <= now


def _charge(attempt: InvoiceCharge) -> bool:
    """Charge a placed attempt once; whoever asks again gets the answer of the first time."""
    payment = methods.charge(
        attempt.organization_id,
        attempt.pk,
        amount=attempt.worth,
        description=attempt.invoice.number,
        method_id=attempt.method_id,
    )
    if payment is None:
        return False
    return charges.settle(attempt, payment).status == InvoiceCharge.Status.PAID


def _give_up_unanswered(now: datetime) -> None:
    """Expire attempts whose payer did not come, and those that nobody may charge any more.

    Was one of them charged after all, the provider's event still books it.
    """
    with service():
        for attempt in InvoiceCharge.objects.given_up(now):
            charges.expire(attempt)
