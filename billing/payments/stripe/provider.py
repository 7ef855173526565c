"""Stripe as a payment provider: hosted Checkout, asked about over its API."""

import contextlib
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import stripe
from stripe.params import PaymentIntentCreateParams
from stripe.params.checkout import SessionListParams

from billing.payments.errors import PaymentUnavailable, RefundRefused
from billing.payments.provider import (
    BankDispute,
    Charge,
    CheckoutRequest,
    CheckoutSession,
    PaymentEvent,
    SavedMethod,
)
from billing.payments.stripe import events, webhooks
from billing.payments.stripe.client import client
from common.money import Money

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

    def close_checkout(self, session_id: str) -> None:
        """Let nobody pay on a page any more; one that is over already stays as it is."""
        try:
            client().v1.checkout.sessions.expire(session_id)
        except stripe.InvalidRequestError:
            return
        except stripe.StripeError as error:
            raise PaymentUnavailable from error

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
        if page and page.data:
            return events.session(page.data[0].to_dict())
        return self._payment(payment_reference)

    def _payment(self, reference: str) -> CheckoutSession | None:
        """Return a payment that no page led to; None where it is of no order of ours."""
        intents = client().v1.payment_intents
        found = _asked(lambda: intents.retrieve(reference, {"expand": ["latest_charge"]}))
        payment = events.payment(found.to_dict()) if found else None
        return payment if payment and payment.order_id else None

    def dispute(self, dispute_id: str) -> BankDispute | None:
        """Return a dispute as it stands now; None where the account has no such dispute."""
        found = _asked(lambda: client().v1.disputes.retrieve(dispute_id))
        return events.dispute(found.to_dict()) if found else None

    def customer(self, organization_id: uuid.UUID, *, name: str, email: str) -> str:
        """Return the id under which Stripe knows the organization."""
        try:
            made = client().v1.customers.create(
                {"name": name, "email": email, "metadata": {"organization": str(organization_id)}},
                {"idempotency_key": f"customer-{organization_id}"},
            )
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
        return made.id

    def chargeable(self, amount: Money) -> Money:
        """Return the amount, or the next that Stripe charges: three decimals end in a zero."""
        return events.chargeable(amount)

    def open_setup(
        self, customer_id: str, *, currency: str, success_url: str, cancel_url: str
    ) -> str:
        """Return the address of a page that saves a card or an account."""
        try:
            opened = client().v1.checkout.sessions.create(
                {
                    "mode": "setup",
                    "customer": customer_id,
                    "currency": currency.lower(),
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                }
            )
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
        return opened.url or ""

    def methods(self, customer_id: str) -> Sequence[SavedMethod]:
        """Return what the customer has saved."""
        try:
            page = client().v1.customers.payment_methods.list(customer_id, {"limit": 100})
            return [events.method(found.to_dict()) for found in page.auto_paging_iter()]
        except stripe.StripeError as error:
            raise PaymentUnavailable from error

    def forget(self, method_id: str) -> None:
        """Forget a saved method."""
        _asked(lambda: client().v1.payment_methods.detach(method_id))

    def charge(self, charge: Charge) -> CheckoutSession:
        """Charge a saved method once: the order's id is the idempotency key."""
        wanted: PaymentIntentCreateParams = {
            "amount": events.to_minor(charge.amount),
            "currency": charge.amount.currency.lower(),
            "customer": charge.customer_id,
            "payment_method": charge.method_id,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "description": charge.description,
            "metadata": {"order": str(charge.order_id)},
            "confirm": True,
            "off_session": True,
        }
        key: stripe.RequestOptions = {"idempotency_key": f"charge-{charge.order_id}"}
        try:
            made = client().v1.payment_intents.create(wanted, key)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            # A method that is gone, or less than is ever charged: asking again would not help.
            return self._given_up(charge, error)
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
        return events.payment(made.to_dict())

    def _given_up(
        self, charge: Charge, error: stripe.CardError | stripe.InvalidRequestError
    ) -> CheckoutSession:
        """Cancel a declined payment, so that nobody pays it beside another one."""
        failed = getattr(error.error, "payment_intent", None)
        reference = failed.id if failed else ""
        if reference:
            intents = client().v1.payment_intents
            with contextlib.suppress(stripe.InvalidRequestError):
                intents.cancel(reference)
        decline = getattr(error.error, "decline_code", None) or error.code or "declined"
        return CheckoutSession(
            session_id="",
            order_id=str(charge.order_id),
            url="",
            is_paid=False,
            is_expired=False,
            amount=charge.amount,
            payment_reference=reference,
            refunded=charge.amount * 0,
            failure=str(decline)[:60],
        )

    def refund(
        self, payment_reference: str, amount: Money, *, refund_id: uuid.UUID, attempt: int = 1
    ) -> str:
        """Pay back once: Stripe forgets idempotency keys after a day, so it is looked for first.

        A key is answered as it was the first time, refusals too: each attempt has its own.
        """
        refunds = client().v1.refunds
        try:
            page = refunds.list({"payment_intent": payment_reference, "limit": 100})
            for found in page.auto_paging_iter():
                if events.is_refund(found.to_dict(), refund_id):
                    return found.id
            made = refunds.create(
                {
                    "payment_intent": payment_reference,
                    "amount": events.to_minor(amount),
                    "metadata": {"refund": str(refund_id)},
                },
                {"idempotency_key": f"refund-{refund_id}-{attempt}"},
            )
        except stripe.InvalidRequestError as error:
            raise RefundRefused((error.code or "refused")[:200]) from error
        except stripe.StripeError as error:
            raise PaymentUnavailable from error
        return made.id

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


#: The door that all of billing uses; the settings say whose.
provider = StripeProvider()
