"""Members and their roles, as the people of an organization see them."""

import pytest
from allauth.mfa.models import Authenticator

from common.database import service
from tenants import roles
from tenants.models import GRANTS, AuditEntry, Membership, Permission, Role

LIST = "/o/acme/members/"


def member(user):
    with service():
        return Membership.objects.get(user=user)


def make(user, role):
    with service():
        Membership.objects.filter(user=user).update(role=role)


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_has_words(permission):
    assert permission in roles.WORDS
    assert permission.partition(".")[0] in roles.AREAS


@pytest.mark.parametrize("role", Role)
def test_the_table_says_what_the_grants_say(role):
    column = [row.words[list(Role).index(role)] for row in roles.table()]

    assert {words for words in column if words} == {
        roles.WORDS[max(its, key=list(Permission).index)]
        for area in roles.AREAS
        if (its := [it for it in GRANTS[role] if it.startswith(f"{area}.")])
    }
    assert column.count("") == len(roles.AREAS) - len({it.partition(".")[0] for it in GRANTS[role]})


def test_the_page_speaks_of_areas_and_not_of_codes(acme, alice_client):
    page = alice_client.get(LIST).content.decode()

    assert "Makes and revokes" in page
    assert "keys.manage" not in page


def test_a_change_of_role_is_audited_with_where_it_came_from(acme, bob, alice_client):
    response = alice_client.post(f"{LIST}{member(bob).pk}/role/", {"role": "auditor"}, follow=True)

    assert "Role changed." in response.content.decode()
    with service():
        entry = AuditEntry.objects.get(action="member.role_changed")
    assert (entry.before, entry.after) == ({"role": "developer"}, {"role": "auditor"})
    assert (entry.actor_label, entry.ip_address) == ("alice@acme.example", "127.0.0.1")


def test_the_last_owner_is_not_asked_to_leave_and_cannot(acme, alice, alice_client):
    page = alice_client.get(LIST).content.decode()
    left = alice_client.post("/o/acme/leave/")
    demoted = alice_client.post(f"{LIST}{member(alice).pk}/role/", {"role": "viewer"})

    assert "The last owner stays one" in page
    assert "/o/acme/leave/" not in page
    assert (left.status_code, demoted.status_code) == (409, 409)
    assert "This is the last owner" in demoted.content.decode()
    assert member(alice).role == Role.OWNER


def test_a_member_may_leave_and_is_asked_first(acme, bob, bob_client):
    page = bob_client.get(LIST).content.decode()
    response = bob_client.post("/o/acme/leave/")

    assert "Leave Acme?" in page
    assert response["Location"] == "/organizations/"
    assert bob_client.get(LIST).status_code == 404
    with service():
        assert AuditEntry.objects.filter(action="member.left", actor_user=bob).count() == 1


def test_removing_asks_first_and_happens_once(acme, bob, alice_client):
    key = member(bob).pk
    page = alice_client.get(LIST).content.decode()

    first = alice_client.post(f"{LIST}{key}/remove/", follow=True)
    second = alice_client.post(f"{LIST}{key}/remove/")

    assert "Remove bob@acme.example?" in page
    assert "bob@acme.example was removed." in first.content.decode()
    assert second.status_code == 404
    with service():
        assert AuditEntry.objects.filter(action="member.removed").count() == 1


def test_an_admin_cannot_touch_an_owner(acme, alice, bob, bob_client):
    make(bob, Role.ADMIN)

    page = bob_client.get(LIST).content.decode()
    removed = bob_client.post(f"{LIST}{member(alice).pk}/remove/")
    demoted = bob_client.post(f"{LIST}{member(alice).pk}/role/", {"role": "viewer"})

    assert f"{LIST}{member(alice).pk}/" not in page
    assert (removed.status_code, demoted.status_code) == (403, 403)
    assert member(alice).role == Role.OWNER


def test_the_list_tells_who_proves_a_second_factor(acme, alice, bob, alice_client):
    Authenticator.objects.create(user=bob, type=Authenticator.Type.TOTP, data={})

    members = alice_client.get(LIST).context["members"]

    assert [(it.membership.user, it.has_second_factor) for it in members] == [
        (alice, False),
        (bob, True),
    ]


def test_a_member_of_another_organization_does_not_exist(acme, alice, charlie_client):
    charlie_client.post(
        "/organizations/new/", {"name": "Other", "kind": "startup", "country": "CZ"}
    )

    for act in ("role", "remove"):
        address = f"/o/other/members/{member(alice).pk}/{act}/"
        assert charlie_client.post(address, {"role": "viewer"}).status_code == 404
    assert member(alice).role == Role.OWNER


def test_the_way_in_leads_to_the_organization_last_used(acme, alice_client):
    for name in ("Beta", "Gamma"):
        alice_client.post("/organizations/new/", {"name": name, "kind": "startup", "country": "FR"})
    alice_client.get("/o/beta/")

    assert alice_client.get("/organizations/")["Location"] == "/o/beta/"
    assert alice_client.get("/organizations/?all").status_code == 200


def test_the_switcher_shows_role_and_balance(acme, bob, alice_client, bob_client):
    htmx = {"HX-Request": "true"}

    owner = alice_client.get("/organizations/?all", headers=htmx)
    developer = bob_client.get("/organizations/?all", headers=htmx)

    assert "0.00" in owner.content.decode()
    assert "0.00" not in developer.content.decode()
    assert "<html" not in owner.content.decode()
