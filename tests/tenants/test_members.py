"""Roles, invitations and the last owner."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from common.database import service
from tenants.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationForAnother,
    InvitationUnusable,
    LastOwner,
    OwnersOnly,
)
from tenants.models import AuditEntry, Invitation, Membership, Role
from tenants.scope import scope
from tenants.services import invitations, members


def membership(organization, user):
    with service():
        return Membership.objects.select_related("organization", "user").get(
            organization=organization, user=user
        )


def test_the_last_owner_cannot_leave(db, acme, alice):
    owner = membership(acme, alice)

    with pytest.raises(LastOwner), scope(acme):
        members.remove(owner, by=owner)

    assert membership(acme, alice).role == Role.OWNER


def test_two_owners_demoting_each_other_leave_one(db, acme, alice, bob):
    first, second = membership(acme, alice), membership(acme, bob)
    with scope(acme):
        members.change_role(second, role=Role.OWNER, by=first)
    start = threading.Barrier(2)

    def demote(target, by):
        start.wait()
        try:
            with scope(acme):
                members.change_role(target, role=Role.VIEWER, by=by)
        except (LastOwner, OwnersOnly):
            pass
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=demote, args=(first, second)),
        threading.Thread(target=demote, args=(second, first)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with service():
        assert Membership.objects.owners().filter(organization=acme).count() == 1


def test_an_admin_cannot_make_an_owner(db, acme, alice, bob):
    owner, member = membership(acme, alice), membership(acme, bob)
    with scope(acme):
        member = members.change_role(member, role=Role.ADMIN, by=owner)

    with pytest.raises(OwnersOnly), scope(acme):
        members.change_role(member, role=Role.OWNER, by=member)

    assert membership(acme, bob).role == Role.ADMIN


def test_a_change_of_role_says_who_before_and_after(db, acme, alice, bob):
    with scope(acme):
        members.change_role(
            membership_in_scope(bob), role=Role.AUDITOR, by=membership_in_scope(alice)
        )
        entry = AuditEntry.objects.get(action="member.role_changed")

    assert (entry.actor_user_id, entry.before, entry.after) == (
        alice.pk,
        {"role": "developer"},
        {"role": "auditor"},
    )


def membership_in_scope(user):
    return Membership.objects.select_related("organization", "user").get(user=user)


def invite(acme, alice, email="dora@example.com", role=Role.DEVELOPER):
    owner = membership(acme, alice)
    with scope(acme):
        return invitations.invite(acme, email=email, role=role, by=owner)


def test_an_invitation_makes_a_member_once(db, acme, alice, charlie):
    invited = invite(acme, alice, charlie.email, Role.BILLING)

    joined = invitations.accept(invited.token, user=charlie)

    assert (joined.user_id, joined.role) == (charlie.pk, Role.BILLING)
    with pytest.raises(InvitationUnusable):
        invitations.accept(invited.token, user=charlie)


def test_an_invitation_is_bound_to_its_address(db, acme, alice, charlie):
    invited = invite(acme, alice, "dora@example.com")

    with pytest.raises(InvitationForAnother):
        invitations.accept(invited.token, user=charlie)

    with service():
        assert not Membership.objects.filter(user=charlie).exists()


def test_an_expired_invitation_is_refused_and_can_be_sent_again(db, acme, alice, charlie):
    invited = invite(acme, alice, charlie.email)
    with service():
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(InvitationUnusable):
        invitations.accept(invited.token, user=charlie)

    again = invite(acme, alice, charlie.email)
    assert invitations.accept(again.token, user=charlie).user_id == charlie.pk


def test_a_revoked_invitation_is_refused(db, acme, alice, charlie):
    invited = invite(acme, alice, charlie.email)
    with scope(acme):
        invitations.revoke(invited.invitation, by=membership_in_scope(alice))

    with pytest.raises(InvitationUnusable):
        invitations.accept(invited.token, user=charlie)


def test_one_open_invitation_per_address(db, acme, alice):
    invite(acme, alice)

    with pytest.raises(AlreadyInvited):
        invite(acme, alice, "DORA@example.com")


def test_a_member_is_not_invited(db, acme, alice, bob):
    with pytest.raises(AlreadyMember):
        invite(acme, alice, bob.email)
