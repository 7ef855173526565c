"""Making, rotating and revoking keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from common.ids import uuid7
from tenants import keys, ports
from tenants.errors import (
    KeyClosed,
    KeyMadeAlready,
    KeyRotatedAlready,
    KeyRotating,
    UnknownModel,
)
from tenants.key_scopes import USUAL
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit, restrictions

NO_OVERLAP, LONGEST_OVERLAP = timedelta(0), timedelta(days=30)
#: What is kept of a key's text, and of the one before it.
TEXT = ("prefix", "last_four", "digest")
FORMER = ("former_digest", "former_prefix", "former_last_four", "former_until", "former_used_at")


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key and, this once, its text."""

    api_key: ApiKey
    text: str


@atomic()
def create(
    organization: Organization,
    *,
    name: str,
    by: User,
    through: ApiKey | None = None,
    project: Project | None = None,
    allowed_models: Sequence[str] = (),
    expires_at: datetime | None = None,
    rpm_limit: int | None = None,
    tpm_limit: int | None = None,
    concurrency_limit: int | None = None,
    ip_ranges: Sequence[str] = (),
    scopes: Sequence[str] = USUAL,
    key_id: UUID | None = None,
) -> MintedKey:
    """Make a key; its text exists in the returned value alone and is never stored.

    ``key_id`` makes two clicks one key: the second raises ``KeyMadeAlready``, for nobody can show
    the text again.
    """
    restrictions.refuse_new(organization)
    _refuse_unknown(organization, allowed_models)
    terms = {
        "allowed_models": list(allowed_models),
        "rpm_limit": rpm_limit,
        "tpm_limit": tpm_limit,
        "concurrency_limit": concurrency_limit,
        "ip_ranges": list(ip_ranges),
        "expires_at": expires_at,
    }
    text = keys.mint("test" if organization.is_demo else "live")
    try:
        with atomic():
            api_key = ApiKey.objects.create(
                id=key_id or uuid7(),
                organization=organization,
                project=project or default_project(organization),
                name=name,
                prefix=text[:12],
                last_four=text[-4:],
                digest=keys.digest(text),
                scopes=list(scopes),
                created_by=by,
                **terms,
            )
    except IntegrityError as error:
        if key_id is None or "pkey" not in str(error):
            raise
        raise KeyMadeAlready from error
    audit.record(
        organization=organization,
        actor=through or by,
        action="api_key.created",
        target=api_key,
        after={"name": name, "project": str(api_key.project), **_told(terms, scopes)},
    )
    return MintedKey(api_key, text)


def _told(terms: dict[str, Any], scopes: Sequence[str]) -> dict[str, Any]:
    """Return the terms without those that every key has and nobody chose."""
    chosen = ("tpm_limit", "concurrency_limit", "ip_ranges")
    told = {name: value for name, value in terms.items() if value or name not in chosen}
    return told if sorted(scopes) == sorted(USUAL) else told | {"scopes": list(scopes)}


@atomic()
def change(api_key: ApiKey, *, by: User, through: ApiKey | None = None, **facts: Any) -> ApiKey:
    """Change the named terms of a key that opens the door; gateways know within five seconds.

    What stays the same is not written or audited.
    """
    api_key = ApiKey.objects.locked(api_key.pk)
    if api_key.state != "active":
        raise KeyClosed
    before = {name: getattr(api_key, name) for name in facts}
    changed = [name for name in facts if before[name] != facts[name]]
    if not changed:
        return api_key
    if "allowed_models" in changed:
        added = set(facts["allowed_models"]) - set(before["allowed_models"])
        _refuse_unknown(api_key.organization, sorted(added))
    for name in changed:
        setattr(api_key, name, facts[name])
    api_key.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=api_key.organization,
        actor=through or by,
        action="api_key.changed",
        target=api_key,
        before={name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return api_key


def _refuse_unknown(organization: Organization, names: Sequence[str]) -> None:
    if not names:
        return
    offered = ports.catalogue.names(organization)
    if unknown := [name for name in names if name not in offered]:
        raise UnknownModel.named(unknown)


@atomic()
def rotate(
    api_key: ApiKey,
    *,
    replacing: str,
    overlap: timedelta,
    by: User,
    through: ApiKey | None = None,
) -> MintedKey:
    """Give the key another text; name, terms, budgets and usage stay with it.

    The text before it opens the door for ``overlap`` more, :data:`LONGEST_OVERLAP` at most; none
    is at once, which gateways know within five seconds. ``replacing`` is the last four of the text
    that is to go: a second click finds another one there and raises ``KeyRotatedAlready``, so that
    programs do not lose both. While an earlier text still works, ``KeyRotating`` is raised.
    """
    if not NO_OVERLAP <= overlap <= LONGEST_OVERLAP:
        raise ValueError(f"{overlap} is not between none and {LONGEST_OVERLAP}.")
    api_key = ApiKey.objects.locked(api_key.pk)
    if api_key.state != "active" or api_key.is_pass:
        raise KeyClosed
    if api_key.last_four != replacing:
        raise KeyRotatedAlready
    if api_key.is_rotating:
        raise KeyRotating
    until = timezone.now() + overlap if overlap else None
    if until is not None and api_key.expires_at is not None:
        until = min(until, api_key.expires_at)
    _put_former(api_key, until)
    text = keys.mint("test" if api_key.organization.is_demo else "live")
    api_key.prefix, api_key.last_four = text[:12], text[-4:]
    api_key.digest = keys.digest(text)
    api_key.save(update_fields=[*TEXT, *FORMER, "updated_at"])
    audit.record(
        organization=api_key.organization,
        actor=through or by,
        action="api_key.rotated",
        target=api_key,
        before={"last_four": replacing},
        after={"last_four": api_key.last_four, "former_until": until},
    )
    return MintedKey(api_key, text)


def _put_former(api_key: ApiKey, until: datetime | None) -> None:
    """Let the present text be the former one until then; without a time, let there be none."""
    kept = until is not None
    api_key.former_digest = api_key.digest if kept else None
    api_key.former_prefix = api_key.prefix if kept else ""
    api_key.former_last_four = api_key.last_four if kept else ""
    api_key.former_until, api_key.former_used_at = until, None


@atomic()
def end_former(api_key: ApiKey, *, by: User | None, through: ApiKey | None = None) -> ApiKey:
    """Close the text before the present one now; where none works any more, change nothing."""
    api_key = ApiKey.objects.locked(api_key.pk)
    if not api_key.is_rotating:
        return api_key
    last_four, until = api_key.former_last_four, api_key.former_until
    _put_former(api_key, None)
    api_key.save(update_fields=[*FORMER, "updated_at"])
    audit.record(
        organization=api_key.organization,
        actor=through or by,
        action="api_key.former_ended",
        target=api_key,
        before={"last_four": last_four, "former_until": until},
        after={},
    )
    return api_key


@atomic()
def revoke(api_key: ApiKey, *, by: User | None, through: ApiKey | None = None) -> ApiKey:
    """Close the key for ever; revoking twice changes nothing."""
    api_key = ApiKey.objects.locked(api_key.pk)
    if api_key.revoked_at:
        return api_key
    api_key.revoked_at = timezone.now()
    api_key.save(update_fields=["revoked_at", "updated_at"])
    audit.record(
        organization=api_key.organization,
        actor=through or by,
        action="api_key.revoked",
        target=api_key,
        before={"state": "active"},
        after={"state": "revoked"},
    )
    return api_key


def default_project(organization: Organization) -> Project:
    """Return the project that keys belong to when none is named."""
    return Project.objects.get(organization=organization, slug="default")
