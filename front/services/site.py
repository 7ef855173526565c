"""The site's versions: one is prepared, looked at, and then shown to everybody."""

from typing import Any

from django.utils import timezone

from common.database import atomic, on_commit
from front import face
from front.errors import NothingToPublish
from front.models import SiteVersion
from tenants.models import User
from tenants.services import audit

Status = SiteVersion.Status


@atomic()
def draft(facts: dict[str, Any], *, by: User) -> SiteVersion:
    """Keep these facts as the draft; there is one, whoever works on it."""
    version = _draft() or SiteVersion()
    for name, value in facts.items():
        setattr(version, name, value)
    version.written_by = by
    version.save()
    return version


@atomic()
def discard(version: SiteVersion, *, by: User) -> None:
    """Throw a draft away; what was published meanwhile stays."""
    version = _locked(version)
    _record(version, "discarded", by, before=version.facts(), after=None)
    version.delete()


@atomic()
def publish(version: SiteVersion, *, by: User) -> SiteVersion:
    """Show a draft to everybody, within five seconds; what was shown is kept."""
    version = _locked(version)
    live = SiteVersion.objects.live().select_for_update(of=("self",)).first()
    before = live.facts() if live else None
    if live is not None:
        live.status = Status.PAST
        live.save(update_fields=["status", "updated_at"])
    version.status = Status.LIVE
    version.published_by, version.published_at = by, timezone.now()
    version.save()
    _record(version, "published", by, before=before, after=version.facts())
    on_commit(face.live.forget)
    return version


@atomic()
def restore(past: SiteVersion, *, by: User) -> SiteVersion:
    """Make an earlier version the draft, to be looked at and published as any."""
    names = (
        *("name", "short_name", "accent", "contact", "sender_name", "sender_address"),
        *("logo", "logo_dark", "favicon", "words"),
    )
    return draft({name: getattr(past, name) for name in names}, by=by)


def _locked(version: SiteVersion) -> SiteVersion:
    found = SiteVersion.objects.drafts().select_for_update(of=("self",)).filter(pk=version.pk)
    if (draft := found.first()) is None:
        raise NothingToPublish
    return draft


def _draft() -> SiteVersion | None:
    return SiteVersion.objects.drafts().select_for_update(of=("self",)).first()


def _record(
    version: SiteVersion,
    act: str,
    by: User,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    audit.record(
        organization=None,
        actor=by,
        action=f"site.{act}",
        target=version,
        before=before,
        after=after,
    )
