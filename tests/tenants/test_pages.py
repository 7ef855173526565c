"""The pages of an organization, as its people see them."""

import pytest

from common.database import service
from tenants.models import ApiKey, Invitation, Membership, Organization


def test_a_new_organization_belongs_to_its_founder(db, charlie, charlie_client):
    response = charlie_client.post(
        "/organizations/new/", {"name": "Čapek Robots", "kind": "startup", "country": "CZ"}
    )

    assert response["Location"] == "/o/capek-robots/onboarding/"
    with service():
        assert Membership.objects.get(user=charlie).role == "owner"


def test_an_address_that_is_taken_is_refused_with_a_sentence(db, acme, charlie_client):
    response = charlie_client.post(
        "/organizations/new/",
        {"name": "Acme", "slug": "acme", "kind": "startup", "country": "CZ"},
    )

    assert response.status_code == 422
    assert "This address is taken" in response.content.decode()
    with service():
        assert Organization.objects.count() == 1


def test_a_key_is_shown_once(db, acme, alice_client):
    made = alice_client.post("/o/acme/keys/new/", {"name": "ci"})
    listed = alice_client.get("/o/acme/keys/")

    with service():
        key = ApiKey.objects.get()
    assert made.status_code == 201
    assert made.context["minted"].text in made.content.decode()
    assert made.context["minted"].text not in listed.content.decode()
    assert key.last_four in listed.content.decode()
    assert "no-store" in made["Cache-Control"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "This field is required"),
        ("name", "x" * 101, "at most 100 characters"),
        ("rpm_limit", "0", "At least 1"),
        ("rpm_limit", "many", "Enter a whole number"),
        ("expires_at", "2001-01-01T00:00", "This moment has passed"),
    ],
)
def test_a_wrong_key_is_refused_with_a_sentence(db, acme, alice_client, field, value, sentence):
    response = alice_client.post("/o/acme/keys/new/", {"name": "ci", field: value})

    assert response.status_code == 422
    assert sentence in response.content.decode()
    with service():
        assert not ApiKey.objects.exists()


def test_a_developer_may_not_read_the_audit_log(db, acme, bob_client):
    assert bob_client.get("/o/acme/audit/").status_code == 403


def test_a_developer_may_not_invite(db, acme, bob_client):
    response = bob_client.post("/o/acme/members/invite/", {"email": "x@y.example", "role": "owner"})

    assert response.status_code == 403
    with service():
        assert not Invitation.objects.exists()


def test_an_owner_invites_and_the_log_tells(db, acme, alice_client):
    response = alice_client.post(
        "/o/acme/members/invite/", {"email": "dora@example.com", "role": "auditor"}, follow=True
    )
    log = alice_client.get("/o/acme/audit/").content.decode()

    assert "Invitation sent to dora@example.com" in response.content.decode()
    assert "member.invited" in log


def test_a_wrong_role_changes_nothing(db, acme, bob, alice_client):
    with service():
        member = Membership.objects.get(user=bob)

    response = alice_client.post(f"/o/acme/members/{member.pk}/role/", {"role": "emperor"})

    assert response.status_code == 422
    with service():
        assert Membership.objects.get(pk=member.pk).role == "developer"


def test_a_viewer_reads_and_may_not_change_settings(db, acme, bob, bob_client):
    with service():
        Membership.objects.filter(user=bob).update(role="auditor")

    assert bob_client.get("/o/acme/settings/").status_code == 200
    response = bob_client.post("/o/acme/settings/", {"name": "Mine", "time_zone": "UTC"})

    assert response.status_code == 403
    with service():
        assert Organization.objects.get().name == "Acme"


def test_a_time_zone_that_is_none_is_named(db, acme, alice_client):
    response = alice_client.post(
        "/o/acme/settings/",
        {"name": "Acme", "kind": "startup", "country": "FR", "time_zone": "Mars/Olympus"},
    )

    assert response.status_code == 422
    assert "“Mars/Olympus” is no time zone" in response.content.decode()


def test_the_dashboard_and_first_steps_open(db, acme, alice_client):
    assert alice_client.get("/o/acme/").status_code == 200
    steps = alice_client.get("/o/acme/onboarding/").context["steps"]
    assert ("organization", True) in [(step.name, step.is_done) for step in steps]
