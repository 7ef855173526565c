"""Inviting people: bound to an address, single use, for seven days."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils import timezone

from common import jobs
from common.database import atomic, service
from tenants.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationClosed,
    InvitationForAnother,
    InvitationUnusable,
    OwnersOnly,
    SentJustNow,
)
from tenants.models import Invitation, Membership, Organization, Permission, Role, User
from tenants.services import audit, sign_ups

RESEND_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation and, this once, the secret part of its link."""

    invitation: Invitation
    token: str


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@atomic()
def invite(organization: Organization, *, email: str, role: str, by: Membership) -> Invited:
    """Offer a role to an address and send the link once this has committed."""
    sign_ups.refuse_unadmitted(organization)
    Organization.objects.locked(organization.pk)
    email = email.strip().lower()
    if role == Role.OWNER and not by.can(Permission.OWNERS_MANAGE):
        raise OwnersOnly
    if organization.memberships.filter(user__email=email).exists():
        raise AlreadyMember
    if organization.invitations.pending().filter(email=email).exists():
        raise AlreadyInvited
    now = timezone.now()
    # An expired invitation would still hold the address under the unique constraint.
    organization.invitations.filter(email=email, accepted_at=None, revoked_at=None).update(
        revoked_at=now
    )
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        digest=_digest(token),
        invited_by=by.user,
        expires_at=now + settings.INVITATION_LIFETIME,
    )
    audit.record(
        organization=organization,
        actor=by.user,
        action="member.invited",
        target=invitation,
        after={"email": email, "role": role},
    )
    _send(invitation, token)
    return Invited(invitation, token)


def _send(invitation: Invitation, token: str) -> None:
    jobs.enqueue(
        "tenants.send_invitation",
        organization_id=str(invitation.organization_id),
        invitation_id=str(invitation.pk),
        token=token,
    )


@atomic()
def resend(invitation: Invitation, *, by: Membership) -> Invited:
    """Send a new link, good for the whole time again; the one sent before stops working.

    Nobody's mailbox is filled by a hand that trembles: once a minute at most.
    """
    invitation = Invitation.objects.locked(invitation.pk)
    if invitation.accepted_at or invitation.revoked_at:
        raise InvitationClosed
    if invitation.role == Role.OWNER and not by.can(Permission.OWNERS_MANAGE):
        raise OwnersOnly
    now, before = timezone.now(), invitation.expires_at
    if invitation.updated_at > now - RESEND_AFTER:
        raise SentJustNow
    token = secrets.token_urlsafe(32)
    invitation.digest = _digest(token)
    invitation.expires_at = now + settings.INVITATION_LIFETIME
    invitation.save(update_fields=["digest", "expires_at", "updated_at"])
    audit.record(
        organization=invitation.organization,
        actor=by.user,
        action="invitation.resent",
        target=invitation,
        before={"expires_at": before},
        after={"expires_at": invitation.expires_at},
    )
    _send(invitation, token)
    return Invited(invitation, token)


@atomic()
def revoke(invitation: Invitation, *, by: Membership) -> None:
    """Take an open invitation back; twice is once."""
    invitation = Invitation.objects.locked(invitation.pk)
    if invitation.state in ("accepted", "revoked"):
        return
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at", "updated_at"])
    audit.record(
        organization=invitation.organization,
        actor=by.user,
        action="invitation.revoked",
        target=invitation,
        before={"state": "pending", "role": invitation.role},
        after={"state": "revoked"},
    )


def find(token: str) -> Invitation:
    """Return the open invitation behind a link, or raise ``InvitationUnusable``."""
    with service():
        invitation = (
            Invitation.objects.pending()
            .select_related("organization", "invited_by")
            .filter(digest=_digest(token))
            .first()
        )
    if invitation is None:
        raise InvitationUnusable
    return invitation


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether the invitation was sent to this person, at any address they have confirmed."""
    if invitation.email == user.email.lower():
        return True
    confirmed = EmailAddress.objects.filter(user=user, verified=True)
    return bool(confirmed.filter(email__iexact=invitation.email).exists())


def membership_behind(token: str, *, user: User) -> Membership | None:
    """Return the membership that the person has where a link, used or not, leads to."""
    with service():
        return (
            Membership.objects.select_related("organization")
            .filter(user=user, organization__invitations__digest=_digest(token))
            .first()
        )


def accept(token: str, *, user: User) -> Membership:
    """Turn the invitation into a membership, once, for the person it was sent to."""
    found = find(token)
    if not is_for(found, user):
        raise InvitationForAnother
    with service():
        Organization.objects.locked(found.organization_id)
        invitation = Invitation.objects.locked(found.pk)
        if invitation.state != "pending":
            raise InvitationUnusable
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at", "updated_at"])
        membership, joined = Membership.objects.get_or_create(
            organization=invitation.organization, user=user, defaults={"role": invitation.role}
        )
        if joined:
            audit.record(
                organization=invitation.organization,
                actor=user,
                action="member.joined",
                target=user,
                after={"role": invitation.role},
            )
    return membership
