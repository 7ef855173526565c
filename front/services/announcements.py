"""Announcements: made, taken back, and put away by who has read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.database import atomic, on_commit
from common.errors import Conflict, DomainError
from front import announced
from front.models import Announcement, Audience, Dismissal
from marketplace.models import CustomerGroup
from tenants.models import Organization, User
from tenants.services import audit


@atomic()
def announce(
    *,
    texts: Mapping[str, str],
    tone: str,
    audience: str,
    by: User,
    groups: Sequence[CustomerGroup] = (),
    organizations: Sequence[Organization] = (),
    link: str = "",
    is_dismissible: bool = True,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Announcement:
    """Say something on every page to an audience, from a moment (now) until another (none)."""
    starts_at = starts_at or timezone.now()
    if ends_at is not None and ends_at <= max(starts_at, timezone.now()):
        raise DomainError(field_errors={"ends_at": [_("It ends before anybody reads it.")]})
    is_narrow = audience == Audience.CUSTOMERS
    if is_narrow and not groups and not organizations:
        raise DomainError(field_errors={"audience": [_("Name a group or an organization.")]})
    if (groups or organizations) and not is_narrow:
        words = _("Groups and organizations are named, and the audience is another.")
        raise DomainError(field_errors={"audience": [words]})
    made = Announcement.objects.create(
        texts=dict(texts),
        tone=tone,
        audience=audience,
        link=link,
        is_dismissible=is_dismissible,
        starts_at=starts_at,
        ends_at=ends_at,
        written_by=by,
    )
    made.groups.set(groups)
    made.organizations.set(organizations)
    after = {
        "texts": dict(texts),
        "audience": audience,
        "groups": [it.code for it in groups],
        "organizations": [it.slug for it in organizations],
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    _record(made, "made", by, after)
    return made


@atomic()
def withdraw(announcement: Announcement, *, by: User) -> None:
    """Show it no more; once is enough."""
    announcement = Announcement.objects.locked(announcement.pk)
    if announcement.withdrawn_at is not None:
        raise Conflict
    announcement.withdrawn_at = timezone.now()
    announcement.save(update_fields=["withdrawn_at", "updated_at"])
    _record(announcement, "withdrawn", by, None)


@atomic()
def dismiss(announcement: Announcement, *, by: User) -> None:
    """Put it away for this person; twice changes nothing."""
    if announcement.is_dismissible:
        Dismissal.objects.get_or_create(announcement=announcement, user=by)


def _record(
    announcement: Announcement, act: str, by: User, after: Mapping[str, object] | None
) -> None:
    audit.record(
        organization=None,
        actor=by,
        action=f"announcement.{act}",
        target=announcement,
        after=after,
    )
    on_commit(announced.running.forget)
