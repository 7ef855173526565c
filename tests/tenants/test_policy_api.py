"""An organization's policy over the management API."""

import pytest

from common.database import service
from marketplace import demo
from tenants.models import AuditEntry, Organization

POLICY = "/api/v1/organizations/acme/policy"


@pytest.fixture(autouse=True)
def regions(acme):
    demo.seed()


def change(client, **facts):
    return client.patch(POLICY, facts, content_type="application/json")


def test_an_owner_reads_and_changes_the_policy(alice_client):
    facts = {"allowed_jurisdictions": ["EU"], "classification": "confidential"}

    assert change(alice_client, **facts).json() == facts
    assert alice_client.get(POLICY).json() == facts
    with service():
        assert AuditEntry.objects.get(action="organization.changed").after == facts


def test_what_is_left_out_stays(alice_client):
    change(alice_client, classification="internal")

    assert change(alice_client, allowed_jurisdictions=["EU", "EU"]).json() == {
        "allowed_jurisdictions": ["EU"],
        "classification": "internal",
    }


@pytest.mark.parametrize(
    ("field", "value"), [("classification", "cosmic"), ("allowed_jurisdictions", ["XX"])]
)
def test_what_is_not_known_is_named_and_changes_nothing(alice_client, field, value):
    response = change(alice_client, **{field: value})

    assert response.status_code == 400
    assert field in response.json()["field_errors"]
    with service():
        assert Organization.objects.get(slug="acme").classification == "public"


def test_a_developer_neither_reads_nor_changes_it(bob_client):
    assert bob_client.get(POLICY).status_code == 403
    assert change(bob_client, classification="internal").status_code == 403


def test_to_a_stranger_there_is_no_policy(charlie_client):
    assert charlie_client.get(POLICY).status_code == 404


def test_a_project_says_how_confidential_its_data_is(alice_client):
    made = alice_client.post(
        "/api/v1/organizations/acme/projects",
        {"name": "Registry", "classification": "restricted"},
        content_type="application/json",
    ).json()

    assert made["classification"] == "restricted"
