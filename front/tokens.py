"""Links in mails about incidents: who has one was sent it."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from front.models import PATIENCE, StatusSubscription

#: A link that confirms is no link that changes or ends: the one grows old, the other does not.
CONFIRM, OWN = "front.status-mail.confirm", "front.status-mail.own"


def made(subscription: StatusSubscription, salt: str) -> str:
    """Return what a link is good for."""
    return signing.dumps(str(subscription.pk), salt=salt)


def read(token: str, salt: str) -> UUID | None:
    """Return which subscription a token is of; None where we did not make it, or it is too old."""
    age = PATIENCE if salt == CONFIRM else None
    try:
        return UUID(signing.loads(token, salt=salt, max_age=age))
    except (signing.BadSignature, ValueError):
        return None


def address(page: str, subscription: StatusSubscription, salt: str) -> str:
    """Return the whole address of a page about a subscription."""
    return settings.PUBLIC_URL + reverse(page, args=[made(subscription, salt)])
