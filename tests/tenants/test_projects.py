"""Projects and limits, on their pages and over the API."""

import pytest

from common.database import service
from tenants.models import ApiKey, AuditEntry, Membership, Organization, Project, Role
from tenants.scope import scope
from tenants.services import api_keys

PAGES, API = "/o/acme/projects/", "/api/v1/organizations/acme/"
JSON = "application/json"


@pytest.fixture
def key(acme, alice):
    with scope(acme):
        return api_keys.create(acme, name="ci", by=alice).api_key


def the(model, **facts):
    """Return the one row."""
    with service():
        return model.objects.get(**facts)


def test_a_project_is_made_and_limited(acme, alice_client):
    made = alice_client.post(PAGES + "new/", {"name": "Shop", "rpm_limit": "60"}, follow=True)
    project = the(Project, name="Shop")
    alice_client.post(f"{PAGES}{project.pk}/", {"name": "Shop", "tpm_limit": "5000"})

    assert "“Shop” is made." in made.content.decode()
    assert "60 requests per minute" in made.content.decode()
    entry = the(AuditEntry, action="project.changed")
    assert (entry.before, entry.after) == (
        {"rpm_limit": 60, "tpm_limit": None},
        {"rpm_limit": None, "tpm_limit": 5000},
    )


def test_two_clicks_make_one_project(acme, alice_client):
    form = alice_client.get(PAGES + "new/").context["form"]
    facts = {"name": "Shop", "project_id": str(form["project_id"].value())}

    for _click in range(2):
        alice_client.post(PAGES + "new/", facts)

    the(Project, name="Shop")


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.BILLING, Role.AUDITOR, Role.VIEWER])
def test_only_owners_and_admins_make_projects(acme, bob, bob_client, role):
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    assert bob_client.post(PAGES + "new/", {"name": "Shop"}).status_code == 403
    refused = bob_client.post(API + "projects", {"name": "Shop"}, content_type=JSON)
    assert refused.status_code == 403
    the(Project)


def test_a_key_is_put_into_the_project_that_was_chosen(acme, alice_client):
    alice_client.post(PAGES + "new/", {"name": "Shop"})
    shop = the(Project, name="Shop")

    made = alice_client.post("/o/acme/keys/new/", {"name": "ci", "project": str(shop.pk)})

    assert made.status_code == 201
    assert the(ApiKey).project_id == shop.pk


def test_the_terms_of_a_key_are_changed_on_its_page(acme, key, alice_client):
    page = f"/o/acme/keys/{key.pk}/"
    facts = {"name": "ci", "concurrency_limit": "4", "ip_ranges": "203.0.113.7\n\n10.0.0.0/8 "}

    changed = alice_client.post(page, facts, follow=True)

    assert "“ci” is saved." in changed.content.decode()
    key = the(ApiKey)
    assert (key.concurrency_limit, key.ip_ranges) == (4, ["203.0.113.7/32", "10.0.0.0/8"])
    assert the(AuditEntry, action="api_key.changed").after == {
        "concurrency_limit": 4,
        "ip_ranges": ["203.0.113.7/32", "10.0.0.0/8"],
    }


def test_every_line_that_is_no_address_is_named(acme, key, alice_client):
    lines = "203.0.113.7\n10.0.0.300\n10.0.0.5/24\nexample.org"

    refused = alice_client.post(f"/o/acme/keys/{key.pk}/", {"name": "ci", "ip_ranges": lines})

    text = refused.content.decode()
    assert refused.status_code == 422
    assert "Line 2: “10.0.0.300” is no address." in text
    assert "Line 3: “10.0.0.5/24” is one address and a range at once." in text
    assert "Did you mean 10.0.0.0/24?" in text
    assert "Line 4: “example.org”" in text
    assert the(ApiKey).ip_ranges == []


def test_who_may_not_manage_keys_reads_them(acme, key, bob, bob_client):
    with service():
        Membership.objects.filter(user=bob).update(role=Role.AUDITOR)

    assert bob_client.get(f"/o/acme/keys/{key.pk}/").status_code == 200
    assert bob_client.post(f"/o/acme/keys/{key.pk}/", {"name": "x"}).status_code == 403


def test_a_closed_key_stays_as_it_is(acme, alice, key, alice_client):
    with scope(acme):
        api_keys.revoke(key, by=alice)

    page = alice_client.post(f"/o/acme/keys/{key.pk}/", {"name": "x"})
    api = alice_client.patch(f"{API}keys/{key.pk}", {"name": "x"}, content_type=JSON)

    assert (page.status_code, api.status_code) == (403, 409)
    assert the(ApiKey).name == "ci"


def test_the_api_changes_a_key_and_says_what_is_no_address(acme, key, alice_client):
    address = f"{API}keys/{key.pk}"

    wrong = alice_client.patch(address, {"ip_ranges": ["10.0.0.5/24"]}, content_type=JSON)
    right = alice_client.patch(address, {"ip_ranges": ["2001:db8::/32"]}, content_type=JSON)

    assert wrong.status_code == 400
    assert "Did you mean 10.0.0.0/24?" in str(wrong.json()["field_errors"]["ip_ranges"])
    assert right.json()["ip_ranges"] == ["2001:db8::/32"]


def test_the_api_limits_projects_and_the_organization(acme, alice_client):
    made = alice_client.post(API + "projects", {"name": "Shop"}, content_type=JSON).json()
    address = f"{API}projects/{made['id']}"

    project = alice_client.patch(address, {"tpm_limit": 10}, content_type=JSON).json()
    whole = alice_client.patch(API + "limits", {"rpm_limit": 5}, content_type=JSON).json()
    refused = alice_client.patch(API + "limits", {"rpm_limit": 0}, content_type=JSON)

    assert (project["name"], project["tpm_limit"]) == ("Shop", 10)
    assert whole == {"rpm_limit": 5, "tpm_limit": None, "concurrency_limit": None}
    assert refused.status_code == 400
    assert the(Organization).rpm_limit == 5
