"""Answers about people, what they belong to, and what their keys did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from common.database import service
from common.money import Money
from tenants import ports
from tenants.audit_search import Search
from tenants.models import (
    ApiKey,
    AuditEntry,
    Membership,
    Organization,
    Permission,
    Project,
    Region,
    User,
)

#: Second factors; recovery codes come with them.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


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


def belongings_of(memberships: Sequence[Membership]) -> list[Belonging]:
    """Return the memberships with what the organizations have left."""
    shown = [it.organization for it in memberships if it.can(Permission.BILLING_READ)]
    balances = ports.purses.balances(shown)
    return [Belonging(it, balances.get(it.organization_id)) for it in memberships]


@dataclass(frozen=True, slots=True)
class Member:
    """A membership, and whether the person proves a second factor to sign in."""

    membership: Membership
    has_second_factor: bool


def members_of(organization: Organization) -> list[Member]:
    """Return the members, the first to join first."""
    memberships = list(organization.memberships.select_related("user"))
    people = [it.user_id for it in memberships]
    secured = set(
        Authenticator.objects.filter(user__in=people, type__in=FACTORS).values_list(
            "user_id", flat=True
        )
    )
    return [Member(it, it.user_id in secured) for it in memberships]


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
    def is_older_than_known(self) -> bool:
        """Whether it may have been used before what is known of its use begins."""
        return self.key.created_at < timezone.now() - ports.USE_KNOWN_FOR

    @property
    def requests_last_day(self) -> int:
        """How many calls of models came with it since this time yesterday."""
        return self.use.requests_last_day if self.use else 0


def with_use(organization: Organization, keys: Iterable[ApiKey]) -> list[UsedKey]:
    """Return the keys with their use, in the order given."""
    found = ports.key_use.of(organization)
    return [UsedKey(key, found.get(key.pk)) for key in keys]


def projects_of(organization: Organization) -> QuerySet[Project, Project]:
    """Return the projects, each with the number of its keys in use, by name."""
    open_keys = ApiKey.objects.made().usable().filter(project=OuterRef("pk")).order_by()
    counted = open_keys.values("project").annotate(count=Count("pk")).values("count")
    return organization.projects.annotate(key_count=Coalesce(Subquery(counted), 0))


def audit_entries(organization: Organization, search: Search) -> QuerySet[AuditEntry, AuditEntry]:
    """Return what the search finds of the organization's, newest first."""
    return searched(AuditEntry.objects.filter(organization=organization), search)


def operator_entries(*, everybody: bool) -> QuerySet[AuditEntry, AuditEntry]:
    """Return what everybody did, or what staff did and the operator on its own behalf, newest first.

    By key, which is in the order of time: no page has to sort the whole log.
    """
    entries = AuditEntry.objects.select_related("organization").order_by("-id")
    ours = Q(organization=None) | Q(actor_kind="staff")
    return entries if everybody else entries.filter(ours)


def searched(
    entries: QuerySet[AuditEntry, AuditEntry], search: Search
) -> QuerySet[AuditEntry, AuditEntry]:
    """Return those of the entries that the search finds."""
    if search.actor:
        entries = entries.filter(
            Q(actor_label__icontains=search.actor) | Q(actor_kind=search.actor.lower())
        )
    if search.action:
        entries = entries.filter(action__istartswith=search.action)
    if search.target:
        entries = entries.filter(target_label__icontains=search.target)
    for word in search.words:
        found = ("actor_label", "action", "target_label")
        entries = entries.filter(Q.create([(f"{it}__icontains", word) for it in found], Q.OR))
    if search.start:
        entries = entries.filter(occurred_at__gte=search.start)
    if search.end:
        entries = entries.filter(occurred_at__lt=search.end)
    return entries


def jurisdictions(*, also: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Return where the operator computes, each jurisdiction with its regions; and these too."""
    places: dict[str, list[str]] = {code: [] for code in also}
    for region in Region.objects.order_by("jurisdiction", "name"):
        places.setdefault(region.jurisdiction, []).append(region.name)
    return [
        (code, f"{code}: {', '.join(names)}" if names else code)
        for code, names in sorted(places.items())
    ]
