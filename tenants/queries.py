"""Answers about people, what they belong to, and what their keys did."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from common.database import service
from common.money import Money
from tenants import ports
from tenants.models import ApiKey, Membership, Organization, User


def memberships_of(user: User) -> list[Membership]:
    """Return the person's memberships with their organizations, by name."""
    with service():
        return list(
            Membership.objects.select_related("organization")
            .filter(user=user)
            .order_by("organization__name")
        )


@dataclass(frozen=True, slots=True)
class Belonging:
    """A membership, and what its organization has left where the role may see it."""

    membership: Membership
    balance: Money | None

    @property
    def organization(self) -> Organization:
        """The organization."""
        return self.membership.organization


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A key with what is known of its use."""

    key: ApiKey
    use: ports.Use | None

    @property
    def last_used(self) -> datetime | None:
        """When it was last used, for models (to the quarter of an hour) or for management."""
        known = [self.key.last_used_at, self.use and self.use.last_at]
        # The quarter of an hour may have begun before the key was made.
        return max((max(it, self.key.created_at) for it in known if it), default=None)

    @property
    def requests_last_day(self) -> int:
        """How many requests came with it since this time yesterday."""
        return self.use.requests_last_day if self.use else 0


def with_use(organization: Organization, keys: Iterable[ApiKey]) -> list[UsedKey]:
    """Return the keys with their use, in the order given."""
    found = ports.key_use.of(organization)
    return [UsedKey(key, found.get(key.pk)) for key in keys]
