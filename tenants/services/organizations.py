"""Founding an organization and changing what it says of itself."""

import secrets
from typing import Any

from django.db import IntegrityError
from django.utils.text import slugify
from django.utils.translation import gettext as _

from common.database import atomic, service
from tenants.errors import SlugTaken
from tenants.models import Membership, Organization, Project, Role, User
from tenants.services import audit

#: Words that would be mistaken for pages of ours.
RESERVED = {"admin", "api", "new", "settings", "staff", "static", "v1", "accounts", "billing"}


def suggest_slug(name: str) -> str:
    """Return an address made of the name, or of chance when the name has no Latin letters."""
    slug = slugify(name)[:40].strip("-")
    if not slug or slug in RESERVED:
        slug = f"org-{secrets.token_hex(3)}"
    return slug


def found(*, name: str, owner: User, slug: str = "", **facts: Any) -> Organization:
    """Create an organization with its default project and its first owner, or nothing at all."""
    wanted = slug or suggest_slug(name)
    if wanted in RESERVED:
        raise SlugTaken(field_errors={"slug": [_("This address is reserved. Choose another.")]})
    try:
        with service():
            return _found(name, wanted, owner, facts)
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        if slug:
            raise SlugTaken(field_errors={"slug": [SlugTaken.detail]}) from error
    return found(name=name, owner=owner, slug=f"{wanted[:40]}-{secrets.token_hex(3)}", **facts)


def _found(name: str, slug: str, owner: User, facts: dict[str, Any]) -> Organization:
    organization = Organization.objects.create(name=name, slug=slug, **facts)
    Project.objects.create(organization=organization, name="Default", slug="default")
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    audit.record(
        organization=organization,
        actor=owner,
        action="organization.founded",
        target=organization,
        after={"name": name, "slug": slug, **facts},
    )
    return organization


@atomic()
def change(organization: Organization, *, by: User, **facts: Any) -> Organization:
    """Change the named fields; what stays the same is not written or audited."""
    organization = Organization.objects.locked(organization.pk)
    before = {field: getattr(organization, field) for field in facts}
    changed = [field for field in facts if before[field] != facts[field]]
    if not changed:
        return organization
    for field in changed:
        setattr(organization, field, facts[field])
    organization.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=organization,
        actor=by,
        action="organization.changed",
        target=organization,
        before={field: before[field] for field in changed},
        after={field: facts[field] for field in changed},
    )
    return organization
