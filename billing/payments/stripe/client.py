"""The official client, pointed at the configured Stripe."""

import functools

import stripe
from django.conf import settings


@functools.lru_cache(maxsize=4)
def _client(api_key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base},
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=10),
    )


def is_live() -> bool:
    """Whether the key of the settings moves real money; Stripe writes it into every key."""
    return "_live_" in settings.STRIPE_API_KEY


def client() -> stripe.StripeClient:
    """Return the client of the account that the settings name."""
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)
