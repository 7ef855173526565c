"""One webhook request: connect, send, read the status. It goes to this machine or nowhere."""

import http.client
from urllib.parse import urlsplit

from billing.payments.loopback.options import is_loopback

TIMEOUT = 10.0
USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


class NotDelivered(Exception):
    """The endpoint could not be reached or did not answer in time."""


def send(url: str, body: bytes, signature: str) -> int:
    """Post one signed event and return the HTTP status; redirects are not followed."""
    if not is_loopback(url):
        raise NotDelivered("The address is not on this machine.")
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, _headers(signature))
        response = connection.getresponse()
        response.read(65536)
        return response.status
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _headers(signature: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        "Stripe-Signature": signature,
        "Connection": "close",
    }
