"""What answers of a model say that will go: since when it is deprecated, until when it can be called.

``Deprecation`` as RFC 9745 writes it, ``Sunset`` as RFC 8594 does, and a link to its page, which names
what to use instead.
"""

from email.utils import format_datetime

from django.conf import settings

from marketplace.queries import OfferSnapshot


def of(offer: OfferSnapshot) -> dict[str, str]:
    """Return the headers for a deprecated model's answers."""
    found: dict[str, str] = {}
    if offer.deprecated_at is not None:
        page = f"{settings.PUBLIC_URL}/models/{offer.slug}/"
        found["deprecation"] = f"@{int(offer.deprecated_at.timestamp())}"
        found["link"] = f'<{page}>; rel="deprecation"; type="text/html"'
    if offer.retires_at is not None:
        found["sunset"] = format_datetime(offer.retires_at, usegmt=True)
    return found
