"""Selling bundles: an order, its payment page, and what it grants once it is paid.

Nothing here talks to the provider inside a transaction, and what the provider says is a hint:
the session is fetched as it stands now, so neither order nor repetition of deliveries matters.
"""

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from billing import agreements
from billing.errors import OrganizationSuspended
from billing.models import (
    AccountKind,
    CreditGrant,
    Order,
    StripeEvent,
    TopUpRule,
)
from billing.payments.errors import PaymentMismatch
from billing.payments.provider import (
    NEEDS_PAYER,
    CheckoutRequest,
    CheckoutSession,
    PaymentEvent,
)
from billing.payments.stripe.provider import provider
from billing.services import (
    chargebacks,
    charges,
    credits,
    invoicing,
    ledger,
    methods,
    payouts,
    refunds,
    surpluses,
    telling,
)
from billing.services.ledger import Posting
from billing.webhook_types import PAYMENT_FAILED, PAYMENT_SUCCEEDED
from common import jobs, sweeping
from common.database import atomic, service
from common.errors import Conflict, NotFound
from common.money import round_to_minor
from marketplace.models import Bundle
from tenants.models import Organization, User
from tenants.scope import scope
from tenants.services import audit, owed, restrictions

log = structlog.get_logger(__name__)
#: How long nothing is bought by itself after a decline.
BACK_OFF = timedelta(hours=1)


def start(organization: Organization, bundle: Bundle, *, by: User, operation_key: str) -> Order:
    """Place the order once per operation key and open its one payment page."""
    order = place(organization, bundle, by=by, operation_key=operation_key)
    if order.checkout_url:
        return order
    session = provider.open_checkout(_request(order, organization.slug, by))
    with scope(organization):
        order = Order.objects.locked(order.pk)
        if order.status == Order.Status.PENDING and not order.session_id:
            order.session_id = session.session_id
            order.checkout_url = session.url
            order.save(update_fields=["session_id", "checkout_url", "updated_at"])
    return order


def place(
    organization: Organization, bundle: Bundle, *, by: User, operation_key: str, **facts: Any
) -> Order:
    """Place an order of a bundle that is sold, on the terms of now, once per operation key."""
    if not bundle.is_active or bundle.currency != organization.currency:
        raise NotFound
    if organization.status != Organization.Status.ACTIVE:
        raise OrganizationSuspended
    with scope(organization):
        restrictions.refuse_new(organization)
        try:
            with atomic():
                order = Order.objects.create(
                    organization=organization,
                    operation_key=operation_key,
                    bundle=bundle,
                    placed_by=by,
                    **terms(organization, bundle),
                    **facts,
                )
        except IntegrityError:
            # The second click of two: the first one's order is this operation's.
            return Order.objects.get(organization=organization, operation_key=operation_key)
        audit.record(
            organization=organization,
            actor=by,
            action="order.placed",
            target=order,
            after={"bundle": bundle.slug, "total": order.total, "currency": order.currency},
        )
        return order


def terms(organization: Organization, bundle: Bundle) -> dict[str, object]:
    """Return what an order of the bundle is placed on now: who invoices, the price, what it grants."""
    issuer = agreements.issuer_of(organization)
    contract = agreements.in_force(organization, timezone.now())
    due = agreements.tax(organization, contract, issuer)
    net = round_to_minor(bundle.net_amount, bundle.currency)
    tax = round_to_minor(net * due.rate, bundle.currency)
    return {
        "issuer": issuer,
        "tax_category": due.category,
        "tax_reason": due.reason,
        "bundle_name": bundle.name,
        "currency": bundle.currency,
        "net": net,
        "tax_rate": due.rate,
        "tax": tax,
        "total": net + tax,
        "grant_unit": bundle.grant_unit,
        "grant_quantity": bundle.grant_quantity,
        "token_class": bundle.token_class,
        "validity_days": bundle.validity_days,
    }


def settle(order: Order, session: CheckoutSession) -> Order:
    """Bring an order to where its payment stands; opens the service's transaction itself."""
    with service():
        return _settle(Order.objects.locked(order.pk), session)


def _request(order: Order, slug: str, by: User) -> CheckoutRequest:
    returned = reverse("billing:checkout-return", kwargs={"org": slug, "order_id": order.pk})
    bundles = reverse("billing:bundle-list", kwargs={"org": slug})
    return CheckoutRequest(
        order_id=order.pk,
        description=order.bundle_name,
        amount=provider.chargeable(order.gross),
        email=by.email,
        success_url=settings.PUBLIC_URL + returned,
        cancel_url=f"{settings.PUBLIC_URL}{bundles}?canceled={order.pk}",
    )


def handle(event: PaymentEvent) -> bool:
    """Act on an event once, however often it is delivered; return whether it was new.

    The event's row is inserted in the transaction of its effect: if the effect fails, the row
    goes with it and the next delivery tries again.
    """
    with service():
        if StripeEvent.objects.filter(pk=event.event_id).exists():
            return False
    if event.customer_id:
        methods.sync_customer(event.customer_id)
    session = _session_of(event)
    dispute = provider.dispute(event.dispute_id) if session and event.dispute_id else None
    with service():
        if not _remember(event, is_handled=session is not None):
            return False
        if session is not None:
            _act(event, session)
        if dispute is not None:
            # After what was paid is booked, for it is that which a bank takes back.
            chargebacks.told(dispute)
    return True


def _session_of(event: PaymentEvent) -> CheckoutSession | None:
    """Return the session that the event is about, as it stands now."""
    if event.session_id:
        return provider.session(event.session_id)
    return provider.session_of(event.payment_reference) if event.payment_reference else None


def _remember(event: PaymentEvent, *, is_handled: bool) -> bool:
    try:
        with atomic():
            StripeEvent.objects.create(
                id=event.event_id,
                type=event.type[:100],
                object_id=event.object_id,
                happened_at=event.happened_at,
                is_handled=is_handled,
            )
    except IntegrityError:
        return False
    return True


def _act(event: PaymentEvent, session: CheckoutSession) -> None:
    """Bring what was paid for to where its session stands, then what came back of it."""
    if order := _order_of(session):
        _act_on(order, session)
    elif not charges.arrived(session):
        log.warning("payment_without_order", session=session.session_id)
    if event.bounced:
        # Last: everybody locks orders and invoices before what is given back of them.
        refunds.bounce(event.bounced)
        payouts.bounce(event.bounced)


def _act_on(order: Order, session: CheckoutSession) -> None:
    """Settle the order, and tell people what only they can settle."""
    try:
        with atomic():
            _settle(order, session)
    except PaymentMismatch:
        # Trying again would not help: the event is kept, and the order waits for people.
        _tell(order, session, "order.payment_mismatch")
        return
    if session.is_paid and not session.refunded and _is_another(order, session):
        _tell(order, session, "order.paid_twice")
    elif not session.is_refunded and session.refunded.amount > sum(refunds.given_back(order)):
        _tell(order, session, "order.partly_refunded")


def _tell(order: Order, session: CheckoutSession, action: str) -> None:
    log.error(action, order=str(order.pk), session=session.session_id)
    audit.record(
        organization=order.organization,
        actor=None,
        action=action,
        target=order,
        after={
            "session": session.session_id,
            "amount": str(session.amount.amount),
            "refunded": str(session.refunded.amount),
            "currency": session.amount.currency,
        },
    )


def fulfil(session_id: str) -> Order | None:
    """Grant what a paid session bought, exactly once; an unpaid session grants nothing."""
    session = provider.session(session_id)
    if session is None:
        return None
    with service():
        order = _order_of(session)
        return _settle(order, session) if order else None


def _settle(order: Order, session: CheckoutSession) -> Order:
    """Move the locked order to where its session stands; what is behind it already stays."""
    if order.status == Order.Status.REFUNDED or _is_another(order, session):
        return order
    if session.is_refunded:
        return _refund(order)
    if order.status == Order.Status.PAID:
        return order
    if session.is_paid:
        return _pay(order, session)
    if session.failure and order.status == Order.Status.PENDING:
        # The payment that its bank refused first says so again when it is canceled.
        is_known = bool(order.failure) and not session.session_id
        return order if is_known else _fail(order, session)
    if session.is_expired and order.status == Order.Status.PENDING:
        _move(order, Order.Status.EXPIRED)
        telling.order(order, PAYMENT_FAILED, reason="expired")
    return order


def _is_another(order: Order, session: CheckoutSession) -> bool:
    """Whether the order is paid, and not by this payment: what becomes of it concerns people."""
    known, this = order.payment_reference, session.payment_reference
    return order.status == Order.Status.PAID and bool(known and this) and known != this


def _order_of(session: CheckoutSession) -> Order | None:
    try:
        order_id = uuid.UUID(session.order_id)
    except ValueError:
        return None
    if not Order.objects.filter(pk=order_id).exists():
        return None
    return Order.objects.locked(order_id)


def _pay(order: Order, session: CheckoutSession) -> Order:
    asked = provider.chargeable(order.gross)
    if session.amount != asked:
        raise PaymentMismatch
    order.session_id = session.session_id or order.session_id
    order.payment_reference = session.payment_reference
    order = give(order)
    if rest := asked - order.gross:
        # What the provider had to take beyond the price is the customer's.
        surpluses.keep_money(
            order.organization, rest.amount, rest.currency, key=f"order:{order.pk}", order=order
        )
    return order


def give(order: Order) -> Order:
    """Grant what a locked order bought, with its invoice: its money is there."""
    order.paid_at = timezone.now()
    _move(order, Order.Status.PAID)
    invoicing.invoice_purchase(order)
    credits.grant(
        order.organization,
        unit=order.grant_unit,
        quantity=order.grant_quantity,
        source_key=f"order:{order.pk}",
        kind="purchased",
        expires_at=order.paid_at + timedelta(days=order.validity_days),
        token_class=order.token_class,
        cost_basis=order.net,
        by=order.placed_by,
    )
    telling.order(order, PAYMENT_SUCCEEDED)
    # Not here: whoever locks an organization has no order yet.
    jobs.enqueue("billing.lift_first_limits", organization_id=str(order.organization_id))
    jobs.enqueue("billing.settle_referral", organization_id=str(order.organization_id))
    return order


def expire(order: Order) -> None:
    """End an order that nobody paid; part of the caller's transaction."""
    order = Order.objects.locked(order.pk)
    if order.status == Order.Status.PENDING:
        _move(order, Order.Status.EXPIRED)
        telling.order(order, PAYMENT_FAILED, reason="expired")


def recover(order: Order, *, by: User) -> str:
    """Return the page on which the payer answers the bank's question about an automatic order."""
    if order.status != Order.Status.PENDING or not order.failure:
        raise Conflict
    if order.checkout_url:
        return order.checkout_url
    with scope(order.organization_id):
        slug = Organization.objects.get(pk=order.organization_id).slug
    session = provider.open_checkout(_request(order, slug, by))
    with scope(order.organization_id):
        order = Order.objects.locked(order.pk)
        order.session_id, order.checkout_url = session.session_id, session.url
        order.save(update_fields=["session_id", "checkout_url", "updated_at"])
    return session.url


def _fail(order: Order, session: CheckoutSession) -> Order:
    """Note why the money did not come; an order that a bank wants its payer for goes on waiting."""
    order.failure = session.failure
    order.payment_reference = session.payment_reference
    if session.failure == NEEDS_PAYER and order.is_automatic:
        order.save(update_fields=["failure", "payment_reference", "updated_at"])
    else:
        _move(order, Order.Status.FAILED)
    telling.order(order, PAYMENT_FAILED, reason=session.failure)
    if order.is_automatic:
        _rest(order)
    return order


def _rest(order: Order) -> None:
    """Let the rule buy nothing for a while after a decline, and tell people."""
    TopUpRule.objects.filter(organization=order.organization_id).update(
        paused_until=timezone.now() + BACK_OFF
    )
    owed.owe(
        "billing.send_top_up_alert",
        organization_id=order.organization_id,
        reason=order.failure,
        order_id=str(order.pk),
    )


def _refund(order: Order) -> Order:
    """Take back what is left of what the order granted: its money went back out."""
    was_paid = order.status == Order.Status.PAID
    _move(order, Order.Status.REFUNDED)
    if not was_paid:
        return order
    given = CreditGrant.objects.get(organization=order.organization, source_key=f"order:{order.pk}")
    returned = credits.void(given, by=None, refunded=True)
    ours_net, ours_tax = refunds.given_back(order)
    net, tax = order.net - ours_net, order.tax - ours_tax
    if net or tax:
        # What was used of it is a loss of ours; the tax on all of it goes back too.
        ledger.book(
            order.organization,
            key=f"refund:{order.pk}",
            kind="refund",
            postings=[
                Posting(AccountKind.PAYMENTS_CLEARING, order.currency, returned - net - tax),
                Posting(AccountKind.TAX, order.currency, tax),
                Posting(AccountKind.ADJUSTMENTS, order.currency, net - returned),
            ],
        )
    jobs.enqueue("billing.credit_returned")
    return order


def _move(order: Order, status: Order.Status) -> None:
    before = order.status
    order.status = status
    order.save()
    audit.record(
        organization=order.organization,
        actor=None,
        action=f"order.{status.value}",
        target=order,
        before={"status": before},
        after={"status": status.value},
    )


def refresh(order: Order) -> Order:
    """Ask the provider about an order that still waits, and settle it if it was paid."""
    if order.status != Order.Status.PENDING or not order.session_id:
        return order
    return fulfil(order.session_id) or order


def get(organization: Organization, order_id: uuid.UUID) -> Order:
    """Return the organization's order, or raise ``NotFound``."""
    with scope(organization):
        order = Order.objects.filter(organization=organization, pk=order_id).first()
    if order is None:
        raise NotFound
    return order


def reconcile(*, days: int = 7) -> int:
    """Act on every event of the last days that never reached us; return how many there were.

    One in trouble, whatever the trouble, is tried again next time and does not hide the others.
    """
    found = provider.recent_events(timezone.now() - timedelta(days=days))
    handled = (partial(handle, event) for event in found)
    return sum(sweeping.answers(handled, trouble="payment_event_put_off"))
