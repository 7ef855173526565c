"""Stripe as a payment provider: hosted Checkout, asked about over its API."""

from collections.abc import Sequence
from datetime import datetime

import stripe

from billing.payments.errors import PaymentUnavailable
from billing.payments.provider import CheckoutRequest, CheckoutSession, PaymentEvent
from billing.payments.stripe import events, webhooks
from billing.payments.stripe.client import client


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

    def session(self, session_id: str) -> CheckoutSession:
        """Return the session as it stands now."""
        try:
            found = client().v1.checkout.sessions.retrieve(session_id)
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
        return events.session(found.to_dict())

    def verified(self, body: bytes, signature: str) -> PaymentEvent:
        """Return the event of a delivery whose signature holds."""
        return webhooks.verified(body, signature)

    def recent_events(self, since: datetime) -> Sequence[PaymentEvent]:
        """Return the events since then that can change an order."""
        try:
            page = client().v1.events.list(
                {
                    "created": {"gte": int(since.timestamp())},
                    "types": list(events.SESSION_EVENTS),
                    "limit": 100,
                }
            )
            return [events.event(found.to_dict()) for found in page.auto_paging_iter()]
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
