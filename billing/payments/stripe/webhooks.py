"""Whether a delivery comes from Stripe."""

import json

import stripe
from django.conf import settings

from billing.payments.errors import UntrustedDelivery
from billing.payments.provider import PaymentEvent
from billing.payments.stripe import events

TOLERANCE_SECONDS = 300


def verified(body: bytes, signature: str) -> PaymentEvent:
    """Return the event of a delivery signed within the last five minutes over this very body."""
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(
            text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS
        )
        return events.event(json.loads(text))
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
        raise UntrustedDelivery from error
