"""Selling bundles: an order, its payment page, and what it grants once it is paid.

Nothing here talks to the provider inside a transaction, and what the provider says is a hint:
the session is fetched as it stands now, so neither order nor repetition of deliveries matters.
"""

import uuid
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from billing.models import Order, StripeEvent
from billing.payments.errors import PaymentMismatch
from billing.payments.provider import CheckoutRequest, CheckoutSession, PaymentEvent
from billing.payments.stripe.provider import StripeProvider
from billing.services import credits, invoicing
from common.database import atomic, service
from common.errors import NotFound
from common.money import round_to_minor
from marketplace.models import Bundle
from tenants.models import Organization, User
from tenants.scope import scope
from tenants.services import audit

log = structlog.get_logger(__name__)
provider = StripeProvider()


def start(organization: Organization, bundle: Bundle, *, by: User, operation_key: str) -> Order:
    """Place the order once per operation key and open its one payment page."""
    order = _place(organization, bundle, by=by, operation_key=operation_key)
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


def _place(organization: Organization, bundle: Bundle, *, by: User, operation_key: str) -> Order:
    if not bundle.is_active or bundle.currency != organization.currency:
        raise NotFound
    with scope(organization):
        try:
            with atomic():
                order = Order.objects.create(
                    organization=organization,
                    operation_key=operation_key,
                    bundle=bundle,
                    placed_by=by,
                    **_terms(bundle),
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


def _terms(bundle: Bundle) -> dict[str, object]:
    rate = invoicing.default_issuer().vat_rate
    net = round_to_minor(bundle.net_amount, bundle.currency)
    tax = round_to_minor(net * rate, bundle.currency)
    return {
        "bundle_name": bundle.name,
        "currency": bundle.currency,
        "net": net,
        "tax_rate": rate,
        "tax": tax,
        "total": net + tax,
        "grant_unit": bundle.grant_unit,
        "grant_quantity": bundle.grant_quantity,
        "token_class": bundle.token_class,
        "validity_days": bundle.validity_days,
    }


def _request(order: Order, slug: str, by: User) -> CheckoutRequest:
    returned = reverse("billing:checkout-return", kwargs={"org": slug, "order_id": order.pk})
    bundles = reverse("billing:bundle-list", kwargs={"org": slug})
    return CheckoutRequest(
        order_id=order.pk,
        description=order.bundle_name,
        amount=order.gross,
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
    session = provider.session(event.session_id) if event.session_id else None
    with service():
        if not _remember(event):
            return False
        if session is not None:
            _settle(session)
    return True


def _remember(event: PaymentEvent) -> bool:
    try:
        with atomic():
            StripeEvent.objects.create(
                id=event.event_id,
                type=event.type[:100],
                object_id=event.object_id,
                happened_at=event.happened_at,
                is_handled=bool(event.session_id),
            )
    except IntegrityError:
        return False
    return True


def fulfil(session_id: str) -> Order | None:
    """Grant what a paid session bought, exactly once; an unpaid session grants nothing."""
    session = provider.session(session_id)
    with service():
        return _settle(session)


def _settle(session: CheckoutSession) -> Order | None:
    order = _order_of(session)
    if order is None:
        log.warning("payment_without_order", session=session.session_id)
        return None
    if order.status in (Order.Status.PAID, Order.Status.REFUNDED):
        return order
    if session.is_paid:
        return _pay(order, session)
    if session.is_expired and order.status == Order.Status.PENDING:
        _move(order, Order.Status.EXPIRED)
    return order


def _order_of(session: CheckoutSession) -> Order | None:
    try:
        order_id = uuid.UUID(session.order_id)
    except ValueError:
        return None
    if not Order.objects.filter(pk=order_id).exists():
        return None
    return Order.objects.locked(order_id)


def _pay(order: Order, session: CheckoutSession) -> Order:
    if session.amount != order.gross:
        raise PaymentMismatch
    order.paid_at = timezone.now()
    order.session_id = session.session_id
    order.payment_reference = session.payment_reference
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


def reconcile(*, days: int = 3) -> int:
    """Act on every event of the last days that never reached us; return how many there were."""
    found = provider.recent_events(timezone.now() - timedelta(days=days))
    return sum(handle(event) for event in found)
