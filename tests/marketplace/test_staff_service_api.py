"""Services over the staff's API: the same services, the same four eyes as at the desk."""

import pytest
from django.test import Client

from common.database import service
from marketplace.models import Application, ApplicationChange
from tests.support.people import signed_in

pytestmark = pytest.mark.usefixtures("catalogue")
SERVICES = "/api/v1/staff/services"
MINUTES = f"{SERVICES}/minutes"
CHANGES = "/api/v1/staff/service-changes"
JSON = {"content_type": "application/json"}
FACTS = {
    "name": "Minutes",
    "publisher_name": "Nova Labs",
    "kind": "application",
    "summary": "Writes the minutes of a meeting.",
    "description": "It listens, and writes.",
    "languages": ["en", "kk"],
    "uses": ["atlas-mini"],
    "regions": ["eu-paris"],
    "base_url": "https://minutes.operator.example",
    "clearance": "internal",
    "data_policy": "Nothing is kept.",
}


def add(client, **others):
    return client.post(SERVICES, {"facts": {**FACTS, **others}}, **JSON)


def propose(client, kind, facts=None, **others):
    body = {"kind": kind, "facts": facts or {}, **others}
    return client.post(f"{MINUTES}/changes", body, **JSON)


def decide(client, change, act, body=None):
    return client.post(f"{CHANGES}/{change['id']}/{act}", body or {}, **JSON)


@pytest.fixture
def minutes(staff_client, colleague_client):
    """A service on sale."""
    add(staff_client)
    change = propose(staff_client, "publish").json()["change"]
    assert decide(colleague_client, change, "approve").status_code == 200


def test_a_service_is_added_as_a_draft_and_changed_at_once(staff_client):
    added = add(staff_client)

    assert added.status_code == 201, added.json()
    told = added.json()
    assert (told["slug"], told["status"], told["customers"]) == ("minutes", "draft", 0)
    assert (told["uses"], told["regions"], told["missing"]) == (["atlas-mini"], ["eu-paris"], [])
    changed = propose(staff_client, "card", {"summary": "Short ones.", "uses": []})
    assert (changed.status_code, changed.json()) == (200, {"is_done": True, "change": None})
    told = staff_client.get(MINUTES).json()
    assert (told["summary"], told["uses"], told["name"]) == ("Short ones.", [], "Minutes")
    assert len(told["missing"]) == 1
    refused = propose(staff_client, "publish")
    assert (refused.status_code, refused.json()["code"]) == (422, "service_not_ready")


def test_it_is_sold_once_a_colleague_approves(staff_client, colleague_client, client):
    add(staff_client)
    change = propose(staff_client, "publish", words="Please").json()["change"]
    assert (change["status"], change["words"]) == ("proposed", "Please")
    assert any(it["after"] == "Minutes" for it in change["differences"])

    own = decide(staff_client, change, "approve")
    assert (own.status_code, client.get("/services/minutes/").status_code) == (403, 404)

    assert decide(colleague_client, change, "approve").json()["status"] == "applied"
    assert client.get("/services/minutes/").status_code == 200
    assert decide(colleague_client, change, "approve").status_code == 409
    assert staff_client.get(MINUTES).json()["status"] == "published"


def test_what_customers_see_changes_by_proposal(staff_client, colleague_client, minutes):
    change = propose(staff_client, "card", {"summary": "Better ones."}).json()["change"]
    assert staff_client.get(MINUTES).json()["summary"] == FACTS["summary"]
    (row,) = staff_client.get(f"{CHANGES}?status=proposed&service=minutes").json()["results"]
    assert row["id"] == change["id"]
    assert staff_client.get(f"{CHANGES}?service=nobody").json()["results"] == []
    assert decide(colleague_client, change, "refuse").status_code == 400
    refused = decide(colleague_client, change, "refuse", {"answer": "No"}).json()
    assert (refused["status"], refused["answer"]) == ("refused", "No")

    second = propose(staff_client, "card", {"summary": "The best."}).json()["change"]
    taken = decide(staff_client, second, "withdraw").json()

    assert taken["status"] == "withdrawn"
    assert staff_client.get(MINUTES).json()["summary"] == FACTS["summary"]


def test_it_goes_on_its_last_day_or_at_once(staff_client, colleague_client, minutes):
    soon = propose(staff_client, "deprecate", {"retires_on": "2001-01-01"})
    assert (soon.status_code, soon.json()["code"]) == (422, "service_retires_too_soon")
    change = propose(staff_client, "deprecate", {"retires_on": "2029-12-31"}).json()["change"]
    decide(colleague_client, change, "approve")
    told = staff_client.get(MINUTES).json()
    assert (told["status"], told["retires_at"]) == ("deprecated", "2030-01-01T00:00:00Z")

    change = propose(staff_client, "retire", {"reason": "Recalled"}).json()["change"]
    decide(colleague_client, change, "approve")

    assert staff_client.get(MINUTES).json()["status"] == "retired"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"kind": "toy"}, "kind"),
        ({"uses": ["nobody"]}, "uses"),
        ({"uses": ["\0"]}, "uses"),
        ({"uses": "atlas-mini"}, "uses"),
        ({"regions": ["moon"]}, "regions"),
        ({"regions": [{"a": 1}]}, "regions"),
        ({"base_url": "https://me:secret@example.org"}, "base_url"),
        ({"smell": "sweet"}, "smell"),
        ({"name": ""}, "name"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(staff_client, facts, field):
    answer = add(staff_client, **facts)

    assert (answer.status_code, answer.json()["code"]) == (422, "proposal_not_valid")
    assert field in answer.json()["field_errors"]
    with service():
        assert not Application.objects.filter(slug="minutes").exists()


def test_facts_of_another_kind_are_named(staff_client, minutes):
    for kind, facts in (("retire", {}), ("deprecate", {"reason": "x"}), ("publish", {"name": "x"})):
        assert propose(staff_client, kind, facts).json()["code"] == "proposal_not_valid"
    assert propose(staff_client, "toy").status_code == 400
    assert propose(staff_client, "card").json()["code"] == "nothing_changes"


def test_the_same_address_is_given_once_and_a_key_adds_once(staff_client):
    key = {"Idempotency-Key": "minutes-1"}
    first = staff_client.post(SERVICES, {"facts": FACTS}, headers=key, **JSON)
    again = staff_client.post(SERVICES, {"facts": FACTS}, headers=key, **JSON)
    other = add(staff_client)

    assert (first.json(), again.headers["Idempotent-Replayed"]) == (again.json(), "true")
    assert list(other.json()["field_errors"]) == ["slug"]
    with service():
        assert Application.objects.filter(slug="minutes").count() == 1


def test_the_list_asks_few_questions(staff_client, django_assert_max_num_queries):
    add(staff_client)
    for number in range(5):
        add(staff_client, name=f"Minutes {number}")
    staff_client.get(SERVICES)

    with django_assert_max_num_queries(12):
        rows = staff_client.get(f"{SERVICES}?limit=4").json()

    assert [it["slug"] for it in rows["results"]][:2] == ["minutes-4", "minutes-3"]
    assert rows["next"]


def test_to_everybody_else_it_does_not_exist(alice_client, bob, client, staff_client, minutes):
    for browser in (alice_client, signed_in(bob), client, Client()):
        for address in (SERVICES, MINUTES, CHANGES):
            assert browser.get(address).status_code in (403, 404)
        assert add(browser, name="Mine").status_code in (403, 404)
        assert propose(browser, "retire", {"reason": "x"}).status_code in (403, 404)
    with service():
        assert not ApplicationChange.objects.waiting().exists()
        assert not Application.objects.filter(name="Mine").exists()
