"""Making and revoking keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from common.database import atomic
from tenants import keys
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
    project: Project | None = None,
    allowed_models: Sequence[str] = (),
    expires_at: datetime | None = None,
    rpm_limit: int | None = None,
) -> MintedKey:
    """Make a key; its text exists in the returned value alone and is never stored."""
    text = keys.mint("test" if organization.is_demo else "live")
    api_key = ApiKey.objects.create(
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
    audit.record(
        organization=organization,
        actor=by,
        action="api_key.created",
        target=api_key,
        after={"name": name, "allowed_models": list(allowed_models), "expires_at": expires_at},
    )
    return MintedKey(api_key, text)


@atomic()
def revoke(api_key: ApiKey, *, by: User) -> ApiKey:
    """Close the key for ever; revoking twice changes nothing."""
    api_key = ApiKey.objects.locked(api_key.pk)
    if api_key.revoked_at:
        return api_key
    api_key.revoked_at = timezone.now()
    api_key.save(update_fields=["revoked_at", "updated_at"])
    audit.record(
        organization=api_key.organization,
        actor=by,
        action="api_key.revoked",
        target=api_key,
        before={"state": "active"},
        after={"state": "revoked"},
    )
    return api_key


def default_project(organization: Organization) -> Project:
    """Return the project that keys belong to when none is named."""
    return Project.objects.get(organization=organization, slug="default")
