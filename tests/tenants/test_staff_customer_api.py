"""Notes, warnings and stops, and support, over the API: as on the pages, by the same services."""

import pytest

from common.database import service
from marketplace import demo
from tenants.models import CustomerNote, Restriction, SupportAccess

STAFF = "/api/v1/staff/customers/acme"
OWN = "/api/v1/organizations/acme/support-accesses"
JSON = "application/json"
ASKED = {"reason": "Missing invoice", "ticket": "T-1", "minutes": 10}


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


def test_a_note_is_kept_once_for_a_key_and_pinned(staff_client):
    key = {"Idempotency-Key": "note-1"}

    first = staff_client.post(f"{STAFF}/notes", {"text": "Hello"}, JSON, headers=key).json()
    again = staff_client.post(f"{STAFF}/notes", {"text": "Hello"}, JSON, headers=key).json()
    pinned = staff_client.patch(f"{STAFF}/notes/{first['id']}", {"pinned": True}, JSON).json()

    assert first == again
    assert (first["author"], first["pinned_at"]) == ("sam@operator.example", None)
    assert pinned["pinned_at"]
    assert staff_client.get(f"{STAFF}/notes").json() == [pinned]


def test_a_customer_is_held_and_let_go(staff_client, acme):
    terms = {"level": "new", "reason": "Unpaid"}

    made = staff_client.post(f"{STAFF}/restrictions", terms, JSON)
    listed = staff_client.get(f"{STAFF}/restrictions").json()
    lifted = staff_client.post(f"{STAFF}/restrictions/lift", terms, JSON)

    assert (made.status_code, listed, lifted.status_code) == (201, [made.json()], 204)
    assert staff_client.get(f"{STAFF}/restrictions").json() == []


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"level": "some", "reason": "x"}, "level"),
        ({"level": "warn"}, "reason"),
        ({"level": "warn", "reason": "x", "ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
    ],
)
def test_bad_terms_are_named(staff_client, terms, field):
    response = staff_client.post(f"{STAFF}/restrictions", terms, JSON)

    assert response.status_code == 400
    assert field in response.json()["field_errors"]
    with service():
        assert not Restriction.objects.exists()


def test_support_asks_and_the_customer_answers(staff_client, alice_client):
    asked = staff_client.post(f"{STAFF}/support-accesses", ASKED, JSON).json()

    (seen,) = alice_client.get(OWN).json()["results"]
    granted = alice_client.post(f"{OWN}/{asked['id']}", {"act": "grant"}, JSON).json()
    ended = alice_client.post(f"{OWN}/{asked['id']}", {"act": "end"}, JSON).json()

    assert (seen["state"], granted["state"], ended["state"]) == ("asked", "granted", "ended")
    assert granted["decided_by"] == "alice@acme.example"


def test_a_developer_and_a_stranger_answer_nothing(staff_client, bob_client, charlie_client):
    asked = staff_client.post(f"{STAFF}/support-accesses", ASKED, JSON).json()

    answers = {
        client.post(f"{OWN}/{asked['id']}", {"act": "grant"}, JSON).status_code
        for client in (bob_client, charlie_client)
    }

    assert answers == {403, 404}
    with service():
        assert SupportAccess.objects.get().state == "asked"


def test_more_than_half_an_hour_is_refused(staff_client):
    response = staff_client.post(f"{STAFF}/support-accesses", {**ASKED, "minutes": 31}, JSON)

    assert response.status_code == 400
    assert "minutes" in response.json()["field_errors"]


@pytest.mark.parametrize("path", ["notes", "restrictions", "restrictions/lift", "support-accesses"])
def test_to_customers_none_of_it_exists(alice_client, path):
    assert alice_client.get(f"{STAFF}/{path}").status_code == 404
    assert alice_client.post(f"{STAFF}/{path}", {}, JSON).status_code == 404
    with service():
        assert not CustomerNote.objects.exists()
