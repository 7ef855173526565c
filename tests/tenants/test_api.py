"""The management API of an organization."""

import inspect

import pytest
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator

from common.database import service
from tenants.models import ApiKey
from tenants.scope import scope
from tenants.services import api_keys

KEYS = "/api/v1/organizations/acme/keys"


@pytest.fixture
def management_key(acme, alice):
    with scope(acme):
        minted = api_keys.create(acme, name="robot", by=alice)
        ApiKey.objects.update(scopes=["management"])
    return minted.text


def bearer(key):
    return {"HTTP_AUTHORIZATION": f"Bearer {key}"}


def test_a_key_is_made_listed_and_revoked(db, acme, client, management_key):
    made = client.post(
        KEYS, {"name": "ci"}, content_type="application/json", **bearer(management_key)
    )
    listed = client.get(KEYS, **bearer(management_key)).json()["results"]
    made_id = made.json()["api_key"]["id"]
    gone = client.delete(f"{KEYS}/{made_id}", **bearer(management_key))

    assert (made.status_code, gone.status_code) == (201, 204)
    assert [row["name"] for row in listed] == ["ci", "robot"]
    assert "key" not in listed[0]
    assert made.json()["key"].endswith(listed[0]["last_four"])


def test_a_key_for_models_may_not_manage(db, acme, alice, client):
    with scope(acme):
        minted = api_keys.create(acme, name="ci", by=alice)

    response = client.get(KEYS, **bearer(minted.text))

    assert response.status_code == 403
    assert "management" in response.json()["detail"]


def test_a_key_stops_when_its_maker_is_demoted(db, acme, alice, bob, client):
    with scope(acme):
        minted = api_keys.create(acme, name="ci", by=bob)
        ApiKey.objects.update(scopes=["management"])
        acme.memberships.filter(user=bob).update(role="viewer")

    assert client.get(KEYS, **bearer(minted.text)).status_code == 403


def test_a_stranger_cannot_tell_that_the_organization_exists(db, acme, charlie_client):
    there = charlie_client.get(KEYS)
    nowhere = charlie_client.get("/api/v1/organizations/nobody/keys")

    assert there.status_code == nowhere.status_code == 404
    assert there.json() == nowhere.json()


@pytest.mark.parametrize("key", ["", "' OR '1'='1", "tsr_live_" + "0" * 49])
def test_a_wrong_key_is_401(db, acme, client, key):
    assert client.get(KEYS, **bearer(key)).status_code == 401


def test_a_revoked_key_is_401(db, acme, alice, client, management_key):
    with scope(acme):
        api_keys.revoke(ApiKey.objects.get(), by=alice)

    assert client.get(KEYS, **bearer(management_key)).status_code == 401


def test_a_wrong_body_names_the_field_and_changes_nothing(db, acme, client, management_key):
    response = client.post(
        KEYS, {"rpm_limit": 0}, content_type="application/json", **bearer(management_key)
    )

    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert set(response.json()["field_errors"]) == {"name", "rpm_limit"}
    with service():
        assert ApiKey.objects.count() == 1


def test_malformed_json_is_refused_with_a_sentence(db, acme, client, management_key):
    response = client.post(KEYS, "{", content_type="application/json", **bearer(management_key))

    assert response.status_code == 400
    assert "JSON parse error" in response.json()["detail"]


def test_the_schema_is_served(db, client):
    assert client.get("/api/schema/").status_code == 200
    assert client.get("/api/docs/").status_code == 200


def test_the_schema_says_what_each_operation_is_about_and_how_it_is_refused(db, client):
    schema = client.get("/api/schema/?format=json").json()

    paths = schema["paths"]
    key, preview = paths["/api/v1/organizations/{org}/keys"], paths["/api/v1/pricing/preview"]
    assert (key["post"]["tags"], preview["post"]["tags"]) == (["Keys"], ["Pricing"])
    assert {"201", "400", "401", "403", "404"} == set(key["post"]["responses"])
    assert {"200", "400", "401"} == set(preview["post"]["responses"])
    refusal = schema["components"]["schemas"]["Refusal"]
    assert refusal["required"] == ["code", "detail"]


def test_the_schema_says_that_lists_come_page_by_page():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    pages = {
        path
        for path, _pattern, method, view in EndpointEnumerator().get_api_endpoints()
        if method == "GET" and "get_paginated_response" in inspect.getsource(view.cls.get)
    }

    described = {path: schema["paths"][path]["get"]["responses"]["200"] for path in pages}

    assert len(pages) > 30
    for path, answer in described.items():
        named = answer["content"]["application/json"]["schema"].get("$ref", path)
        page = schema["components"]["schemas"].get(named.rpartition("/")[2], {})
        assert {"next", "previous", "results"} == set(page.get("required", ())), path
