"""Stripe as a payment provider: hosted Checkout, asked about over its API."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import stripe
from stripe.params.checkout import SessionListParams

from billing.payments.errors import PaymentUnavailable
from billing.payments.provider import CheckoutRequest, CheckoutSession, PaymentEvent
from billing.payments.stripe import events, webhooks
from billing.payments.stripe.client import client

T = TypeVar("T")
#: Where a session leads to what was given back of its payment.
CHARGE = "payment_intent.latest_charge"


class StripeProvider:
    """Takes money through Stripe."""

    def open_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        """Open one payment page per order: the order's id is the idempotency key."""
        try:
            opened = client().v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": str(request.order_id),
                    "customer_email": request.email,
                    "success_url": request.success_url,
                    "cancel_url": request.cancel_url,
                    "metadata": {"order": str(request.order_id)},
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": request.amount.currency.lower(),
                                "unit_amount": events.to_minor(request.amount),
                                "product_data": {"name": request.description},
                            },
                        }
                    ],
                },
                {"idempotency_key": f"order-{request.order_id}"},
            )
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
        return events.session(opened.to_dict())

    def session(self, session_id: str) -> CheckoutSession | None:
        """Return the session as it stands now; None where the account has no such session."""
        sessions = client().v1.checkout.sessions
        found = _asked(lambda: sessions.retrieve(session_id, {"expand": [CHARGE]}))
        return events.session(found.to_dict()) if found else None

    def session_of(self, payment_reference: str) -> CheckoutSession | None:
        """Return the session that led to the payment, as it stands now."""
        sessions = client().v1.checkout.sessions
        wanted: SessionListParams = {
            "payment_intent": payment_reference,
            "limit": 1,
            "expand": [f"data.{CHARGE}"],
        }
        page = _asked(lambda: sessions.list(wanted))
        return events.session(page.data[0].to_dict()) if page and page.data else None

    def verified(self, body: bytes, signature: str) -> PaymentEvent:
        """Return the event of a delivery whose signature holds."""
        return webhooks.verified(body, signature)

    def recent_events(self, since: datetime) -> Sequence[PaymentEvent]:
        """Return the events since then that can change an order."""
        try:
            page = client().v1.events.list(
                {
                    "created": {"gte": int(since.timestamp())},
                    "types": list(events.ORDER_EVENTS),
                    "limit": 100,
                }
            )
            return [events.event(found.to_dict()) for found in page.auto_paging_iter()]
        except stripe.StripeError as error:
            raise PaymentUnavailable from error


def _asked(call: Callable[[], T]) -> T | None:
    """Return the answer; None where the account has no such thing."""
    try:
        return call()
    except stripe.StripeError as error:
        if error.code == "resource_missing":
            return None
        raise PaymentUnavailable from error
