"""The management API under bad input: a clear refusal, never a failure of ours."""

import base64
import uuid

import pytest
from django.test import Client

from common.database import service
from tenants.models import ApiKey, Organization
from tenants.scope import scope
from tenants.services import api_keys, organizations

KEYS = "/api/v1/organizations/acme/keys"
LISTS = ("keys", "members", "audit", "ledger")


@pytest.fixture
def robot(acme, alice):
    """A client with a key that may manage; facts change the key."""

    def robot(**facts):
        with scope(acme):
            minted = api_keys.create(acme, name="robot", by=alice)
            ApiKey.objects.update(**{"scopes": ["management"], **facts})
        return Client(headers={"authorization": f"Bearer {minted.text}"})

    return robot


def cursor(text):
    """Return a cursor as the pages make it, with this text in it."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("page", ["keys", "credits", "usage"])
def test_a_method_that_is_not_there_is_405(alice_client, method, page):
    reply = getattr(alice_client, method)(f"/api/v1/organizations/acme/{page}")

    assert reply.status_code == 405
    assert reply.json()["code"] == "method_not_allowed"
    assert "GET" in reply["Allow"]


def test_a_head_is_a_get_without_its_body(alice_client):
    reply = alice_client.head(KEYS)

    assert (reply.status_code, reply.content) == (200, b"")


def test_a_stranger_learns_nothing_from_a_wrong_method(charlie_client, acme):
    assert charlie_client.put(KEYS).status_code == 404


@pytest.mark.parametrize(
    "text", ["p=nonsense", "p=%00", "p=" + "9" * 400, "o=-1", "o=x", "r=1&p=5", "\x00", ""]
)
@pytest.mark.parametrize("page", LISTS)
def test_a_cursor_nobody_gave_is_refused(alice_client, page, text):
    address = f"/api/v1/organizations/acme/{page}"

    reply = alice_client.get(address, {"cursor": cursor(text)})

    assert reply.status_code in (200, 404)


@pytest.mark.parametrize("text", ["%", "a", "====", "é", "\x00"])
def test_a_cursor_that_is_no_cursor_is_refused(alice_client, text):
    assert alice_client.get(KEYS, {"cursor": text}).status_code in (200, 404)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "9" * 30, "1e3", "\x00"])
def test_a_page_size_that_is_none_falls_back(alice_client, limit):
    assert alice_client.get(KEYS, {"limit": limit}).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "a\x00b"}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": None}, "name"),
        ({"rpm_limit": 2**31}, "rpm_limit"),
        ({"rpm_limit": 10**400}, "rpm_limit"),
        ({"rpm_limit": True}, "rpm_limit"),
        ({"rpm_limit": 1.5}, "rpm_limit"),
        ({"allowed_models": "all"}, "allowed_models"),
        ({"allowed_models": ["a\x00"]}, "allowed_models"),
        ({"allowed_models": [["a"]]}, "allowed_models"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "99999-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": 5}, "expires_at"),
    ],
)
def test_a_wrong_field_of_a_key_is_named(alice_client, change, field):
    reply = alice_client.post(KEYS, {"name": "ci", **change}, content_type="application/json")

    assert reply.status_code == 400
    assert list(reply.json()["field_errors"]) == [field]
    with service():
        assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("body", ["", "[]", "7", "null", '"x"', "[" * 100_000, "{" * 100_000])
def test_a_body_that_is_no_object_is_refused(alice_client, body):
    reply = alice_client.post(KEYS, body, content_type="application/json")

    assert reply.status_code == 400
    assert {"code", "detail"} <= set(reply.json())


def test_bytes_that_are_no_text_are_refused(alice_client):
    body = b'{"name": "\xff"}'

    assert alice_client.post(KEYS, body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("page", ["keys", "projects", "budgets", "webhooks", "policy"])
@pytest.mark.parametrize("field", ["name", "window", "classification", "nothing"])
def test_half_a_character_is_refused(alice_client, page, field):
    send = alice_client.patch if page == "policy" else alice_client.post
    body = f'{{"{field}": "\\ud800"}}'
    reply = send(f"/api/v1/organizations/acme/{page}", body, content_type="application/json")

    assert (reply.status_code, reply.json()["code"]) == (400, "parse_error")


def test_a_form_is_not_read(alice_client):
    reply = alice_client.post(KEYS, {"name": "ci"})

    assert reply.status_code == 415
    assert reply.json()["code"] == "unsupported_media_type"


def test_a_large_body_is_refused(alice_client):
    body = '{"name": "' + "x" * 3_000_000 + '"}'

    reply = alice_client.post(KEYS, body, content_type="application/json")

    assert reply.status_code == 413
    assert {"code", "detail"} <= set(reply.json())


def test_a_key_of_another_organization_cannot_be_revoked(alice_client, acme, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with scope(other):
        theirs = api_keys.create(other, name="theirs", by=charlie).api_key

    replies = [alice_client.delete(f"{KEYS}/{key}") for key in (theirs.pk, uuid.uuid4())]

    assert [reply.status_code for reply in replies] == [404, 404]
    assert replies[0].json() == replies[1].json()
    with scope(other):
        assert ApiKey.objects.get().revoked_at is None


def test_a_key_does_not_manage_from_elsewhere(robot):
    reply = robot(ip_ranges=["10.0.0.0/8"]).get(KEYS)

    assert reply.status_code == 403


def test_a_key_manages_from_where_it_may(robot):
    assert robot(ip_ranges=["127.0.0.0/8"]).get(KEYS).status_code == 200


def test_a_key_stops_when_its_maker_may_not_sign_in_any_more(robot, alice):
    client = robot()
    with service():
        type(alice).objects.filter(pk=alice.pk).update(is_active=False)

    assert client.get(KEYS).status_code == 401


def test_a_key_does_not_open_another_organization(robot, alice):
    client = robot()
    organizations.found(name="Second", owner=alice, country="FR")

    assert client.get("/api/v1/organizations/second/keys").status_code == 404


def test_a_suspended_organization_manages_nothing_by_key(robot):
    client = robot()
    with service():
        Organization.objects.update(status="suspended")

    assert client.get(KEYS).status_code == 403


def test_private_answers_are_kept_by_nobody(alice_client, robot):
    page = alice_client.get("/o/acme/")
    reply = alice_client.get(KEYS)

    for each in (page, reply):
        assert "no-store" in each["Cache-Control"]
        assert "private" in each["Cache-Control"]
