"""Making and revoking keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from common.ids import uuid7
from tenants import keys, ports
from tenants.errors import KeyMadeAlready, UnknownModel
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit


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
    key_id: UUID | None = None,
) -> MintedKey:
    """Make a key; its text exists in the returned value alone and is never stored.

    ``key_id`` makes two clicks one key: the second raises ``KeyMadeAlready``, for nobody can show
    the text again.
    """
    _refuse_unknown(organization, allowed_models)
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
                scopes=["inference", "usage"],
                allowed_models=list(allowed_models),
                expires_at=expires_at,
                rpm_limit=rpm_limit,
                created_by=by,
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
        after={
            "name": name,
            "allowed_models": list(allowed_models),
            "rpm_limit": rpm_limit,
            "expires_at": expires_at,
        },
    )
    return MintedKey(api_key, text)


def _refuse_unknown(organization: Organization, names: Sequence[str]) -> None:
    if not names:
        return
    offered = ports.catalogue.names(organization)
    if unknown := [name for name in names if name not in offered]:
        raise UnknownModel.named(unknown)


@atomic()
def revoke(api_key: ApiKey, *, by: User, through: ApiKey | None = None) -> ApiKey:
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
