"""Inviting people, and what an invitation's link shows to whom."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.utils import timezone

from common.database import service
from tenants.models import AuditEntry, Invitation, Membership, Role
from tenants.scope import scope
from tenants.services import invitations

INVITE = "/o/acme/members/invite/"


@pytest.fixture
def invite(acme, alice):
    """Invite an address; return the path of its link."""

    def invite(email, role=Role.DEVELOPER):
        with scope(acme):
            owner = acme.memberships.get(user=alice)
            token = invitations.invite(acme, email=email, role=role, by=owner).token
        return f"/invitations/{token}/"

    return invite


def longer_ago(**ago):
    with service():
        Invitation.objects.update(updated_at=timezone.now() - timedelta(**ago))


def the_invitation():
    with service():
        return Invitation.objects.get()


def links_mailed():
    return [re.search(r"/invitations/\S+/", it.body)[0] for it in mail.outbox]


def test_the_message_brings_the_link_in_text_and_html(acme, alice_client, mailoutbox):
    alice_client.post(INVITE, {"email": "Dora@Example.com", "role": "auditor"})

    (message,) = mailoutbox
    (html, kind) = message.alternatives[0]
    assert message.to == ["dora@example.com"]
    assert message.subject == "Join Acme on Tessera"
    assert "Alice invites you to join Acme on Tessera as Auditor." in message.body
    assert kind == "text/html"
    assert links_mailed()[0] in html


def test_an_open_invitation_is_not_sent_twice(acme, alice_client, mailoutbox):
    alice_client.post(INVITE, {"email": "dora@example.com", "role": "auditor"})
    response = alice_client.post(INVITE, {"email": "dora@example.com", "role": "viewer"})

    assert response.status_code == 422
    assert "already has an open invitation" in response.content.decode()
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"email": "", "role": "viewer"}, "This field is required"),
        ({"email": "dora", "role": "viewer"}, "Enter a valid email address"),
        ({"email": "dora@example.com", "role": "emperor"}, "not one of the available choices"),
        ({"email": "bob@acme.example", "role": "viewer"}, "already belongs to a member"),
    ],
)
def test_a_wrong_invitation_is_refused_at_its_field(acme, bob, alice_client, form, sentence):
    response = alice_client.post(INVITE, form)

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert 'class="error-summary"' in response.content.decode()
    with service():
        assert not Invitation.objects.exists()


def test_an_admin_is_not_offered_the_owner_role(acme, bob, bob_client):
    with service():
        Membership.objects.filter(user=bob).update(role=Role.ADMIN)

    page = bob_client.get(INVITE).content.decode()
    refused = bob_client.post(INVITE, {"email": "dora@example.com", "role": "owner"})

    assert 'value="admin"' in page
    assert 'value="owner"' not in page
    assert refused.status_code == 422


def test_sending_again_makes_a_new_link_and_ends_the_old_one(
    acme, invite, alice_client, charlie, charlie_client, mailoutbox
):
    old = invite(charlie.email)
    longer_ago(minutes=2)

    response = alice_client.post(f"/o/acme/invitations/{the_invitation().pk}/resend/", follow=True)

    _first, new = links_mailed()
    assert f"Invitation sent to {charlie.email}" in response.content.decode()
    assert charlie_client.get(old).status_code == 410
    assert charlie_client.get(new).status_code == 200
    with service():
        assert AuditEntry.objects.filter(action="invitation.resent").count() == 1


def test_sending_again_at_once_sends_nothing(acme, invite, alice_client, mailoutbox):
    invite("dora@example.com")

    response = alice_client.post(f"/o/acme/invitations/{the_invitation().pk}/resend/", follow=True)

    assert "was sent a moment ago" in response.content.decode()
    assert len(mailoutbox) == 1


def test_an_expired_invitation_opens_again(acme, invite, alice_client, charlie, charlie_client):
    invite(charlie.email)
    with service():
        Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    longer_ago(days=8)
    assert "Expired" in alice_client.get("/o/acme/members/").content.decode()

    alice_client.post(f"/o/acme/invitations/{the_invitation().pk}/resend/")

    assert the_invitation().state == "pending"
    assert charlie_client.get(links_mailed()[-1]).status_code == 200


def test_a_revoked_invitation_is_not_sent_again(acme, invite, alice_client, mailoutbox):
    invite("dora@example.com")
    key = the_invitation().pk
    longer_ago(minutes=2)

    alice_client.post(f"/o/acme/invitations/{key}/revoke/")
    alice_client.post(f"/o/acme/invitations/{key}/revoke/")
    response = alice_client.post(f"/o/acme/invitations/{key}/resend/", follow=True)

    assert "was accepted or revoked" in response.content.decode()
    assert len(mailoutbox) == 1
    with service():
        assert AuditEntry.objects.filter(action="invitation.revoked").count() == 1


def test_the_unknown_are_led_to_an_account_and_back(acme, invite, client):
    link = invite("dora@example.com")

    response = client.get(link)

    onward = f"?next={link.replace('/', '%2F')}&email=dora%40example.com"
    assert response.status_code == 200
    assert "Acme" in response.content.decode()
    assert response.context["signup_url"] == f"/accounts/signup/passkey/{onward}"
    assert response.context["login_url"] == f"/accounts/login/{onward}"
    assert "no-store" in response["Cache-Control"]


def test_the_unknown_cannot_accept(acme, invite, client):
    link = invite("dora@example.com")

    assert client.post(link).status_code == 200
    assert the_invitation().state == "pending"


def test_the_invited_accept_once(acme, invite, charlie, charlie_client):
    link = invite(charlie.email, Role.BILLING)

    first = charlie_client.post(link)
    second = charlie_client.post(link)
    reopened = charlie_client.get(link)

    assert first["Location"] == second["Location"] == "/o/acme/"
    assert reopened.status_code == 410
    assert "You already belong to" in reopened.content.decode()
    with service():
        assert Membership.objects.get(user=charlie).role == Role.BILLING
        assert AuditEntry.objects.filter(action="member.joined").count() == 1


def test_an_invitation_for_another_is_explained_and_refused(acme, invite, charlie_client):
    link = invite("dora@example.com")

    shown, posted = charlie_client.get(link), charlie_client.post(link)

    assert (shown.status_code, posted.status_code) == (403, 403)
    assert "You are signed in as charlie@elsewhere.example." in shown.content.decode()
    assert the_invitation().state == "pending"


def test_an_address_confirmed_beside_the_main_one_fits(acme, invite, charlie, charlie_client):
    link = invite("charlie@work.example")
    address = EmailAddress.objects.create(user=charlie, email="charlie@work.example")
    assert charlie_client.post(link).status_code == 403

    address.verified = True
    address.save()

    assert charlie_client.post(link)["Location"] == "/o/acme/"


@pytest.mark.parametrize("token", ["x", "0" * 43, "%27%20OR%201=1", "x" * 2000])
def test_a_link_that_never_was_is_gone(db, client, charlie_client, token):
    assert client.get(f"/invitations/{token}/").status_code == 410
    assert charlie_client.post(f"/invitations/{token}/").status_code == 410


def test_an_invitation_of_another_organization_does_not_exist(acme, invite, charlie_client):
    invite("dora@example.com")
    charlie_client.post(
        "/organizations/new/", {"name": "Other", "kind": "startup", "country": "CZ"}
    )

    for act in ("revoke", "resend"):
        address = f"/o/other/invitations/{the_invitation().pk}/{act}/"
        assert charlie_client.post(address).status_code == 404
    assert the_invitation().state == "pending"
