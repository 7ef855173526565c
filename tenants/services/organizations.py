"""Founding an organization and changing what it says of itself."""

import secrets
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils.text import slugify
from django.utils.translation import gettext as _

from common.database import atomic, service
from common.errors import Conflict
from common.ids import uuid7
from tenants import ports
from tenants.errors import SlugTaken, TimeZoneFixed
from tenants.models import ApiKey, AuditEntry, Membership, Organization, Project, Role, User
from tenants.services import audit, owed, sign_ups

#: Words that would be mistaken for pages of ours.
RESERVED = {"admin", "api", "new", "settings", "staff", "static", "v1", "accounts", "billing"}


def suggest_slug(name: str) -> str:
    """Return an address made of the name, or of chance when the name has no Latin letters."""
    slug = slugify(name)[:40].strip("-")
    if not slug or slug in RESERVED:
        slug = f"org-{secrets.token_hex(3)}"
    return slug


def found(
    *,
    name: str,
    owner: User,
    slug: str = "",
    organization_id: UUID | None = None,
    use: str = "",
    referral: str = "",
    **facts: Any,
) -> Organization:
    """Create an organization with its default project and its first owner, or nothing at all.

    Whether it may begin, or waits for the operator, is what the policy of sign-ups says; ``use`` is
    what it is for, in the founder's words, ``referral`` what the link that led here ended in.
    ``organization_id`` makes two clicks one organization: the second returns the first one's.
    """
    wanted, key = slug or suggest_slug(name), organization_id or uuid7()
    if wanted in RESERVED:
        raise SlugTaken(field_errors={"slug": [_("This address is reserved. Choose another.")]})
    if present := _founded(key, owner):
        return present
    try:
        with service():
            return _found(key, name, wanted, owner, facts, {"use": use, "referral": referral})
    except IntegrityError as error:
        if present := _founded(key, owner):
            return present
        if "pkey" in str(error):
            raise Conflict from error
        if "slug" not in str(error):
            raise
        if slug:
            raise SlugTaken(field_errors={"slug": [SlugTaken.detail]}) from error
    other = f"{wanted[:40]}-{secrets.token_hex(3)}"
    return found(
        name=name, owner=owner, slug=other, organization_id=key, use=use, referral=referral, **facts
    )


def _founded(key: UUID, owner: User) -> Organization | None:
    with service():
        return Organization.objects.filter(pk=key, memberships__user=owner).first()


def _found(
    key: UUID,
    name: str,
    slug: str,
    owner: User,
    facts: dict[str, Any],
    sign_up: dict[str, str],
) -> Organization:
    policy = sign_ups.policy()
    organization = Organization.objects.create(
        id=key,
        name=name,
        slug=slug,
        admission=sign_ups.admission(policy, owner),
        first_rpm=policy.first_rpm,
        first_tpm=policy.first_tpm,
        first_concurrency=policy.first_concurrency,
        **facts,
    )
    Project.objects.create(organization=organization, name="Default", slug="default")
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    audit.record(
        organization=organization,
        actor=owner,
        action="organization.founded",
        target=organization,
        after={"name": name, "slug": slug, **facts},
    )
    sign_ups.begin(organization, owner, **sign_up)
    return organization


@atomic()
def change(
    organization: Organization, *, by: User | None, through: ApiKey | None = None, **facts: Any
) -> Organization:
    """Change the named fields; what stays the same is not written or audited."""
    organization = Organization.objects.locked(organization.pk)
    before = {field: getattr(organization, field) for field in facts}
    changed = [field for field in facts if before[field] != facts[field]]
    if not changed:
        return organization
    if "time_zone" in changed and ports.purses.has_invoiced_usage(organization):
        raise TimeZoneFixed
    for field in changed:
        setattr(organization, field, facts[field])
    organization.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=organization,
        actor=through or by,
        action="organization.changed",
        target=organization,
        before={field: before[field] for field in changed},
        after={field: facts[field] for field in changed},
    )
    return organization


@atomic()
def suspend(organization: Organization, *, reason: str, by: User | None) -> Organization:
    """Refuse the organization's calls from now on; what it has and what was recorded stays.

    Its members see the reason on their overview and in their audit log. Suspending twice for one
    reason changes nothing; a person's other reason replaces the one that stands.
    """
    organization = Organization.objects.locked(organization.pk)
    if organization.status == Organization.Status.SUSPENDED:
        if by is not None and reason != reason_of_suspension(organization):
            _note(organization, organization.status, reason=reason, by=by)
        return organization
    return _set_status(organization, Organization.Status.SUSPENDED, reason=reason, by=by)


@atomic()
def reactivate(organization: Organization, *, reason: str, by: User | None) -> Organization:
    """Let the organization call again; of one that is active this changes nothing."""
    return _set_status(organization, Organization.Status.ACTIVE, reason=reason, by=by)


@atomic()
def keep_suspended(organization: Organization, *, reason: str) -> None:
    """Say that it is no longer a person who keeps the organization out, but what the system knows."""
    organization = Organization.objects.locked(organization.pk)
    if organization.status == Organization.Status.SUSPENDED:
        _note(organization, organization.status, reason=reason, by=None)


def reason_of_suspension(organization: Organization) -> str:
    """Return why it was suspended last, in the words that were typed then."""
    entry = _last_suspension(organization)
    return str((entry.after or {}).get("reason", "")) if entry else ""


def is_suspended_by_a_person(organization: Organization) -> bool:
    """Whether it is suspended, and by somebody of the staff: nothing but a person lets it in again."""
    entry = _last_suspension(organization)
    is_suspended = organization.status == Organization.Status.SUSPENDED
    return is_suspended and entry is not None and entry.actor_user_id is not None


def _last_suspension(organization: Organization) -> AuditEntry | None:
    found = AuditEntry.objects.filter(organization=organization, action="organization.suspended")
    return found.order_by("-occurred_at", "-id").first()


def _set_status(
    organization: Organization, status: Organization.Status, *, reason: str, by: User | None
) -> Organization:
    organization = Organization.objects.locked(organization.pk)
    if organization.status == status:
        return organization
    before = organization.status
    organization.status = status
    organization.save(update_fields=["status", "updated_at"])
    _note(organization, before, reason=reason, by=by)
    return organization


def _note(organization: Organization, before: str, *, reason: str, by: User | None) -> None:
    """Record how it stands and why, and tell its people."""
    is_suspended = organization.status == Organization.Status.SUSPENDED
    audit.record(
        organization=organization,
        actor=by,
        action="organization.suspended" if is_suspended else "organization.reactivated",
        target=organization,
        before={"status": before},
        after={"status": organization.status, "reason": reason},
    )
    owed.owe("tenants.tell_status", organization_id=organization.pk, reason=reason)
