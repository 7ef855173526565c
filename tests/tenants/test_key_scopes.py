"""What a key may do is chosen when it is made."""

import pytest

from tenants.models import ApiKey, AuditEntry
from tenants.scope import scope

NEW = "/o/acme/keys/new/"
KEYS = "/api/v1/organizations/acme/keys"


def scopes(acme):
    with scope(acme):
        return ApiKey.objects.get().scopes


@pytest.mark.parametrize(
    ("ticked", "carried"),
    [
        ([], ["inference", "usage"]),
        (["metering"], ["metering"]),
        (["inference", "management"], ["inference", "management"]),
    ],
)
def test_a_key_carries_what_was_ticked(acme, alice_client, ticked, carried):
    response = alice_client.post(NEW, {"name": "ci", "scopes": ticked})

    assert response.status_code == 201
    assert scopes(acme) == carried


def test_what_is_unusual_stands_in_the_audit_log(acme, alice_client):
    alice_client.post(NEW, {"name": "ci", "scopes": ["metering"]})

    with scope(acme):
        entry = AuditEntry.objects.get(action="api_key.created")
    assert entry.after["scopes"] == ["metering"]


@pytest.mark.parametrize("forbidden", ["metering.any", "everything"])
def test_no_member_makes_an_operators_meter(acme, alice_client, forbidden):
    by_form = alice_client.post(NEW, {"name": "ci", "scopes": [forbidden]})
    by_api = alice_client.post(
        KEYS, {"name": "ci", "scopes": [forbidden]}, content_type="application/json"
    )

    assert (by_form.status_code, by_api.status_code) == (422, 400)
    with scope(acme):
        assert not ApiKey.objects.exists()


def test_the_api_makes_and_tells_scopes(acme, alice_client):
    made = alice_client.post(
        KEYS, {"name": "meter", "scopes": ["metering"]}, content_type="application/json"
    )

    assert made.json()["api_key"]["scopes"] == ["metering"]
    assert scopes(acme) == ["metering"]


def test_what_a_key_may_do_is_not_changed_later(acme, alice_client):
    alice_client.post(NEW, {"name": "ci", "scopes": ["usage"]})
    with scope(acme):
        key = ApiKey.objects.get()

    page = alice_client.get(f"/o/acme/keys/{key.pk}/").content.decode()

    assert 'name="scopes"' not in page
