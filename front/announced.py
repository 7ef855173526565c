"""Which announcements a reader sees; what is known of them costs pages nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from common.database import beside
from front.models import Announcement, Audience, Dismissal
from front.remembered import Remembered
from marketplace.models import GroupMember
from tenants.models import Organization, User

#: What begins so soon is kept too, so that it is seen when its moment comes.
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Announced:
    """An announcement, and the organizations it is for where it is not for all."""

    announcement: Announcement
    customers: frozenset[uuid.UUID]

    def is_for(self, user: User | None, organization: Organization | None) -> bool:
        """Whether this reader sees it now."""
        now, told = timezone.now(), self.announcement
        if told.starts_at > now or (told.ends_at is not None and told.ends_at <= now):
            return False
        match told.audience:
            case Audience.EVERYONE:
                return True
            case Audience.MEMBERS:
                return user is not None
            case Audience.STAFF:
                return user is not None and user.is_staff
            case _:
                return organization is not None and organization.pk in self.customers


def _running() -> Sequence[Announced]:
    now = timezone.now()
    found = Announcement.objects.present().filter(
        Q(ends_at=None) | Q(ends_at__gt=now), starts_at__lte=now + SOON
    )
    return [
        Announced(it, _customers(it)) for it in found.prefetch_related("groups", "organizations")
    ]


def _customers(announcement: Announcement) -> frozenset[uuid.UUID]:
    members = GroupMember.objects.filter(group__in=announcement.groups.all())
    named = {it.pk for it in announcement.organizations.all()}
    return frozenset(named | set(members.values_list("organization", flat=True)))


running: Remembered[Sequence[Announced]] = Remembered(_running, ())


def seen_by(
    user: User | None, organization: Organization | None, put_away: frozenset[str]
) -> list[Announcement]:
    """Return what a reader sees now; ``put_away`` are the ids that the browser remembers.

    A person who has put something away elsewhere is asked for only where there is something to.
    """
    found = [
        it.announcement
        for it in running()
        if it.is_for(user, organization)
        and not (it.announcement.is_dismissible and str(it.announcement.pk) in put_away)
    ]
    asked = [it.pk for it in found if it.is_dismissible]
    if user is None or not asked:
        return found
    with beside():
        dismissed = Dismissal.objects.filter(user=user, announcement__in=asked)
        gone = set(dismissed.values_list("announcement", flat=True))
    return [it for it in found if it.pk not in gone]
