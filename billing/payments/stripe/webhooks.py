"""Whether a delivery comes from Stripe."""

import json
from collections.abc import Mapping
from typing import Any

import stripe
import structlog
from django.conf import settings

from billing.payments.errors import OtherMode, UntrustedDelivery
from billing.payments.provider import PaymentEvent
from billing.payments.stripe import events
from billing.payments.stripe.client import is_live

TOLERANCE_SECONDS = 300
log = structlog.get_logger(__name__)


def verified(body: bytes, signature: str) -> PaymentEvent:
    """Return the event of a delivery signed within the last five minutes over this very body.

    A test event at a live address, and the reverse, is refused: one secret may have been entered
    for both.
    """
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(
            text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS
        )
        given = json.loads(text)
        event = events.event(given)
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
        raise UntrustedDelivery from error
    _check_mode(given)
    return event


def _check_mode(given: Mapping[str, Any]) -> None:
    if given.get("livemode") is not is_live():
        log.error("payment_event_of_other_mode", event_id=given["id"], is_live=is_live())
        raise OtherMode
