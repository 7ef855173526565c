"""Stripe's webhook signature: ``t=…,v1=HMAC-SHA256(secret, "t.body")``."""

import hashlib
import hmac


def header(body: bytes, secret: str, timestamp: int) -> str:
    """Return the ``Stripe-Signature`` header for a body sent at a moment."""
    signed = str(timestamp).encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
