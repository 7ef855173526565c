"""Object ids with Stripe's prefixes and lengths."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    """Return ``length`` unguessable letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new(prefix: str, length: int = 24) -> str:
    """Return a fresh id such as ``pi_3…``; it is as unguessable as Stripe's own."""
    return f"{prefix}_{random_text(length)}"


def client_secret(intent_id: str) -> str:
    """Return the secret that lets a payer's browser act on one intent."""
    return f"{intent_id}_secret_{random_text(25)}"
