"""Attempts at having an invoice paid through the provider: placed, on a page, and how each ends.

What the provider says is a hint: whatever is paid is booked once under the payment's own name, even
when the attempt was given up long ago. Locks: the invoice before its charge.
"""

import uuid
from decimal import Decimal

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import IncomingPayment, Invoice, InvoiceCharge
from billing.payments.provider import NEEDS_PAYER, CheckoutRequest, CheckoutSession
from billing.payments.stripe.provider import provider
from billing.services import offsetting, payouts, receiving, telling
from billing.webhook_types import PAYMENT_FAILED, PAYMENT_SUCCEEDED
from common.database import atomic, service
from common.errors import Conflict
from common.money import Money
from tenants.models import User
from tenants.services import audit, owed

log = structlog.get_logger(__name__)
Status = InvoiceCharge.Status


@atomic()
def place(
    invoice: Invoice, amount: Decimal, *, method_id: str = "", by: User | None = None
) -> InvoiceCharge:
    """Begin an attempt; part of a transaction that holds the invoice's lock.

    What the provider has to take beyond what is asked for comes back as a surplus.
    """
    amount = chargeable(invoice, amount)
    charge = InvoiceCharge.objects.create(
        organization_id=invoice.organization_id,
        invoice=invoice,
        amount=amount,
        currency=invoice.currency,
        is_automatic=bool(method_id),
        method_id=method_id,
        placed_by=by,
    )
    audit.record(
        organization=invoice.organization,
        actor=by,
        action="invoice.charge_placed",
        target=invoice,
        after={"amount": amount, "currency": invoice.currency, "automatic": bool(method_id)},
    )
    return charge


def chargeable(invoice: Invoice, amount: Decimal) -> Decimal:
    """Return what is charged for so much of an invoice."""
    return provider.chargeable(Money(amount, invoice.currency)).amount


def open_page(invoice: Invoice, *, by: User) -> str:
    """Return the page on which the invoice is paid now; whoever asks again gets the same page."""
    _close_outdated(invoice)
    with service():
        charge = _for_page(Invoice.objects.locked(invoice.pk), by)
        wanted = _request(charge, by)
    if charge.checkout_url:
        return charge.checkout_url
    session = provider.open_checkout(wanted)
    with service():
        charge = InvoiceCharge.objects.locked(charge.pk)
        charge.session_id, charge.checkout_url = session.session_id, session.url
        charge.save(update_fields=["session_id", "checkout_url", "updated_at"])
    return session.url


def _close_outdated(invoice: Invoice) -> None:
    """End an attempt that waits for its payer and is of another sum than is asked for by now."""
    with service():
        asked = chargeable(invoice, receiving.due(Invoice.objects.locked(invoice.pk)).amount)
        pending = InvoiceCharge.objects.pending().filter(invoice=invoice)
        outdated = pending.exclude(amount=asked).first()
        if outdated is None or not outdated.waits_for_payer:
            return
        if not outdated.session_id:
            expire(outdated)
            return
    provider.close_checkout(outdated.session_id)
    if session := provider.session(outdated.session_id):
        settle(outdated, session)


def _for_page(invoice: Invoice, by: User) -> InvoiceCharge:
    """Return the attempt that waits for its payer, or a new one; one being charged is left alone."""
    if not receiving.asks_for_payment(invoice):
        raise receiving.NotOpen(invoice)
    under_way = InvoiceCharge.objects.pending().filter(invoice=invoice).first()
    if under_way is None:
        return place(invoice, receiving.due(invoice).amount, by=by)
    if not under_way.waits_for_payer:
        raise Conflict(_("The saved payment method is being charged: wait for its answer."))
    return under_way


def _request(charge: InvoiceCharge, by: User) -> CheckoutRequest:
    invoice = charge.invoice
    where = {"org": invoice.organization.slug, "number": invoice.number}
    paid = settings.PUBLIC_URL + reverse("billing:invoice-pay", kwargs=where)
    return CheckoutRequest(
        order_id=charge.pk,
        description=_("Invoice %(number)s") % {"number": invoice.number},
        amount=charge.worth,
        email=by.email,
        success_url=f"{paid}?returned=yes",
        cancel_url=settings.PUBLIC_URL + reverse("billing:invoice-detail", kwargs=where),
    )


def refresh(invoice: Invoice) -> None:
    """Ask the provider about an attempt on a page, and settle it if it was paid."""
    with service():
        open_ones = InvoiceCharge.objects.pending().filter(invoice=invoice)
        charge = open_ones.exclude(session_id=None).first()
    session = provider.session(charge.session_id) if charge and charge.session_id else None
    if charge and session:
        settle(charge, session)


def settle(charge: InvoiceCharge, session: CheckoutSession) -> InvoiceCharge:
    """Bring an attempt to where its payment stands; opens the service's transaction itself."""
    with service():
        return _settle(charge.pk, session)


def arrived(session: CheckoutSession) -> bool:
    """Do the same for whatever attempt a session belongs to; answers whether there is one."""
    try:
        charge_id = uuid.UUID(session.order_id)
    except ValueError:
        return False
    if not InvoiceCharge.objects.filter(pk=charge_id).exists():
        return False
    _settle(charge_id, session)
    return True


def _settle(charge_id: uuid.UUID, session: CheckoutSession) -> InvoiceCharge:
    invoice_id = InvoiceCharge.objects.values_list("invoice_id", flat=True).get(pk=charge_id)
    invoice = Invoice.objects.locked(invoice_id)
    charge = InvoiceCharge.objects.locked(charge_id)
    if session.is_paid:
        _receive(charge, invoice, session)
        _watch_refunds(charge, session)
    elif session.failure and charge.status == Status.PENDING:
        # The payment that its bank refused first says so again when it is canceled.
        is_known = bool(charge.failure) and not session.session_id
        if not is_known:
            _fail(charge, session)
    elif session.is_expired and charge.status == Status.PENDING:
        expire(charge)
    elif charge.status == Status.PENDING and session.payment_reference:
        # A debit on its way is known by its payment: the sweep leaves it alone.
        charge.payment_reference = session.payment_reference
        charge.save(update_fields=["payment_reference", "updated_at"])
    return charge


def _receive(charge: InvoiceCharge, invoice: Invoice, session: CheckoutSession) -> None:
    """Book a payment once; what the invoice does not ask for any more is kept for the customer."""
    if session.amount.currency != invoice.currency:
        _tell(charge, session, "invoice.charge_mismatch")
        return
    offsetting.receive(
        invoice,
        session.amount.amount,
        source=IncomingPayment.Source.PROVIDER,
        key=f"payment:{session.payment_reference}"[:100],
        by=charge.placed_by,
        payment_reference=session.payment_reference,
    )
    if charge.status != Status.PAID:
        charge.payment_reference = session.payment_reference
        charge.failure = ""
        _end(charge, Status.PAID)
        telling.charge(charge, PAYMENT_SUCCEEDED)


def _watch_refunds(charge: InvoiceCharge, session: CheckoutSession) -> None:
    """Tell staff of money that went back and not by us."""
    ours = Money(payouts.given_back(session.payment_reference), session.amount.currency)
    if session.refunded and ours < session.refunded:
        _tell(charge, session, "invoice.charge_refunded")


def _tell(charge: InvoiceCharge, session: CheckoutSession, action: str) -> None:
    log.error(action, charge=str(charge.pk), payment=session.payment_reference)
    audit.record(
        organization=charge.organization,
        actor=None,
        action=action,
        target=charge.invoice,
        after={
            "payment": session.payment_reference,
            "amount": str(session.amount.amount),
            "refunded": str(session.refunded.amount),
            "currency": session.amount.currency,
        },
    )


def _fail(charge: InvoiceCharge, session: CheckoutSession) -> None:
    """Note why the money did not come; one that a bank wants its payer for goes on waiting."""
    charge.failure = session.failure
    charge.payment_reference = session.payment_reference
    if session.failure == NEEDS_PAYER and charge.is_automatic:
        charge.save(update_fields=["failure", "payment_reference", "updated_at"])
    else:
        _end(charge, Status.FAILED)
    telling.charge(charge, PAYMENT_FAILED, reason=session.failure)
    if charge.is_automatic:
        owed.owe(
            "billing.send_charge_alert",
            organization_id=charge.organization_id,
            charge_id=str(charge.pk),
        )


def expire(charge: InvoiceCharge) -> None:
    """End an attempt that nobody answered; part of the caller's transaction."""
    charge = InvoiceCharge.objects.locked(charge.pk)
    if charge.status == Status.PENDING:
        _end(charge, Status.EXPIRED)
        telling.charge(charge, PAYMENT_FAILED, reason="expired")


def _end(charge: InvoiceCharge, status: InvoiceCharge.Status) -> None:
    charge.status, charge.ended_at = status, timezone.now()
    charge.save()
    audit.record(
        organization=charge.organization,
        actor=None,
        action=f"invoice.charge_{status.value}",
        target=charge.invoice,
        after={
            "amount": charge.amount,
            "currency": charge.currency,
            **({"failure": charge.failure} if charge.failure else {}),
        },
    )
