"""Answers about people and what they belong to."""

from common.database import service
from tenants.models import Membership, User


def memberships_of(user: User) -> list[Membership]:
    """Return the person's memberships with their organizations, by name."""
    with service():
        return list(
            Membership.objects.select_related("organization")
            .filter(user=user)
            .order_by("organization__name")
        )
