"""Making and revoking keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from common.ids import uuid7
from tenants import keys, ports
from tenants.errors import KeyClosed, KeyMadeAlready, UnknownModel
from tenants.key_scopes import USUAL
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit, restrictions


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
