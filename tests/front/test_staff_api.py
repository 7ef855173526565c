"""What the operator says of itself over the staff's API: the same services and four eyes as pages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from common.database import service
from front.models import Announcement, Incident, LegalText, SiteVersion
from marketplace import demo
from marketplace.services import books
from tests.support.people import signed_in

API = "/api/v1/staff"
JSON = {"content_type": "application/json"}
FAILS = {
    "titles": {"en": "Calls fail", "fr": "Les appels échouent"},
    "texts": {"en": "We look into it."},
    "parts": ["api"],
    "impact": "outage",
}


def send(client, path, body=None, **headers):
    return client.post(f"{API}/{path}", body or {}, headers=headers, **JSON)


def window(**others):
    starts = timezone.now() + timedelta(days=2)
    told = {name: it for name, it in FAILS.items() if name != "impact"}
    return {**told, "starts_at": starts.isoformat(), "ends_at": _later(starts), **others}


def _later(starts):
    return (starts + timedelta(hours=2)).isoformat()


def test_an_incident_is_told_moved_on_and_closed(staff_client, client):
    demo.seed()
    opened = send(
        staff_client, "incidents", {**FAILS, "models": ["atlas-mini"], "regions": ["eu-paris"]}
    )

    assert opened.status_code == 201, opened.json()
    told = opened.json()
    assert (told["state"], told["models"], told["regions"]) == (
        "investigating",
        ["atlas-mini"],
        ["eu-paris"],
    )
    assert [it["title"] for it in client.get("/api/v1/status").json()["open"]] == ["Calls fail"]
    path = f"incidents/{told['id']}/updates"
    found = send(staff_client, path, {"state": "identified", "texts": {"en": "A cable."}})
    assert (found.status_code, found.json()["impact"]) == (201, "outage")
    over = send(staff_client, path, {"state": "resolved", "texts": {"en": "Plugged in."}}).json()
    assert [it["texts"]["en"] for it in over["updates"]] == [
        "Plugged in.",
        "A cable.",
        "We look into it.",
    ]
    assert over["ended_at"]
    again = send(staff_client, path, {"state": "monitoring", "texts": {"en": "Hm."}})
    assert (again.status_code, list(again.json()["field_errors"])) == (400, ["state"])
    (row,) = staff_client.get(f"{API}/incidents").json()["results"]
    assert row == staff_client.get(f"{API}/incidents/{told['id']}").json() == over


def test_work_is_announced_and_called_off(staff_client, client):
    planned = send(staff_client, "incidents/maintenance", window())

    assert planned.status_code == 201, planned.json()
    assert (planned.json()["state"], planned.json()["impact"]) == ("scheduled", "maintenance")
    assert len(client.get("/api/v1/status").json()["coming"]) == 1
    path = f"incidents/{planned.json()['id']}/updates"
    wrong = send(
        staff_client, path, {"state": "cancelled", "texts": {"en": "x"}, "impact": "outage"}
    )
    assert list(wrong.json()["field_errors"]) == ["impact"]
    off = send(staff_client, path, {"state": "cancelled", "texts": {"en": "Not now."}})
    assert off.json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"titles": {}}, "titles.en"),
        ({"titles": {"en": "x" * 121}}, "titles.en"),
        ({"texts": {"fr": "Non."}}, "texts.en"),
        ({"texts": {"en": "x", "xx": "y"}}, "texts"),
        ({"parts": []}, "parts"),
        ({"parts": ["kitchen"]}, "parts"),
        ({"impact": "maintenance"}, "impact"),
        ({"state": "scheduled"}, "state"),
        ({"models": ["nobody"]}, "models"),
        ({"regions": ["moon"]}, "regions"),
        ({"started_at": "2999-01-01T00:00:00Z"}, "started_at"),
        ({"started_at": "yesterday"}, "started_at"),
    ],
)
def test_an_incident_that_cannot_be_is_refused_by_its_field(staff_client, facts, field):
    answer = send(staff_client, "incidents", {**FAILS, **facts})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert list(answer.json()["field_errors"]) == [field]
    with service():
        assert not Incident.objects.exists()


def test_work_that_has_begun_is_not_announced(staff_client):
    past = datetime(2026, 1, 1, tzinfo=UTC)
    refused = send(staff_client, "incidents/maintenance", window(starts_at=past.isoformat()))

    assert list(refused.json()["field_errors"]) == ["starts_at"]


def test_a_key_tells_once(staff_client):
    first = send(staff_client, "incidents", FAILS, **{"Idempotency-Key": "one"})
    again = send(staff_client, "incidents", FAILS, **{"Idempotency-Key": "one"})

    assert first.json() == again.json()
    with service():
        assert Incident.objects.count() == 1


def test_something_is_announced_to_some_and_taken_back(staff_client, client, acme):
    with service():
        books.open_group(code="public", name="Public bodies", by=None)
    body = {"texts": {"en": "New racks on Sunday."}, "audience": "everyone", "tone": "warn"}

    made = send(staff_client, "announcements", body)

    assert made.status_code == 201, made.json()
    assert [it["text"] for it in client.get("/api/v1/announcements").json()] == [
        "New racks on Sunday."
    ]
    some = {"audience": "customers", "groups": ["public"], "organizations": ["acme"]}
    told = send(staff_client, "announcements", {**body, **some}).json()
    assert (told["groups"], told["organizations"]) == (["public"], ["acme"])
    path = f"announcements/{made.json()['id']}/withdraw"
    assert send(staff_client, path).status_code == 204
    assert send(staff_client, path).status_code == 409
    assert client.get("/api/v1/announcements").json() == []
    rows = staff_client.get(f"{API}/announcements").json()["results"]
    assert [bool(it["withdrawn_at"]) for it in rows] == [False, True]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"texts": {"fr": "Non."}}, "texts.en"),
        ({"audience": "nobody"}, "audience"),
        ({"audience": "customers"}, "audience"),
        ({"groups": ["nobody"]}, "groups"),
        ({"organizations": ["nobody"]}, "organizations"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
    ],
)
def test_an_announcement_that_cannot_be_is_refused_by_its_field(staff_client, facts, field):
    body = {"texts": {"en": "Hello."}, "audience": "everyone", **facts}
    answer = send(staff_client, "announcements", body)

    assert answer.status_code == 400
    assert list(answer.json()["field_errors"]) == [field]
    with service():
        assert not Announcement.objects.exists()


def draft(client, facts=None, words=None):
    body = {"facts": facts or {}, "words": words or {}}
    return client.patch(f"{API}/site", body, **JSON)


def test_the_site_is_drafted_published_and_restored(staff_client, client):
    first = draft(staff_client, {"name": "Nordtel AI"}, {"tagline": {"en": "Close to you."}})
    assert (first.status_code, first.json()["status"]) == (200, "draft"), first.json()
    more = draft(staff_client, {"accent": "#0b5fff"}).json()
    assert (more["id"], more["name"]) == (first.json()["id"], "Nordtel AI")
    assert more["words"] == {"tagline": {"en": "Close to you."}}
    assert "Nordtel AI" not in client.get("/").content.decode()

    live = send(staff_client, f"site/{more['id']}/publish")

    assert (live.json()["status"], live.json()["published_by"]) == ("live", "sam@operator.example")
    assert "Nordtel AI" in client.get("/").content.decode()
    assert send(staff_client, f"site/{more['id']}/publish").status_code == 409
    second = draft(staff_client, {"name": "Other"}).json()
    assert second["accent"] == "#0b5fff"
    assert send(staff_client, f"site/{second['id']}/discard").status_code == 204
    restored = send(staff_client, f"site/{more['id']}/restore").json()
    assert (restored["status"], restored["name"]) == ("draft", "Nordtel AI")
    rows = staff_client.get(f"{API}/site").json()["results"]
    assert sorted(it["status"] for it in rows) == ["draft", "live"]


@pytest.mark.parametrize(
    ("facts", "words", "field"),
    [
        ({"accent": "blue"}, {}, "accent"),
        ({"logo": "x"}, {}, "facts"),
        ({}, {"anthem": {"en": "La"}}, "words"),
        ({}, {"tagline": {"xx": "La"}}, "tagline"),
        ({}, {"links": {"en": "nowhere"}}, "links.en"),
    ],
)
def test_a_site_that_cannot_be_is_refused_by_its_field(staff_client, facts, words, field):
    answer = draft(staff_client, facts, words)

    assert (answer.status_code, list(answer.json()["field_errors"])) == (400, [field])
    with service():
        assert not SiteVersion.objects.exists()


def terms(client, **others):
    day = timezone.localdate().isoformat()
    body = {"kind": "terms", "version": "2027-01", "texts": {"en": "# Be kind"}}
    return send(client, "legal", {**body, "effective_on": day, **others})


def test_a_legal_page_holds_once_a_colleague_approves(staff_client, colleague_client, client):
    proposed = terms(staff_client)
    assert (proposed.status_code, proposed.json()["status"]) == (201, "proposed"), proposed.json()
    path = f"legal/{proposed.json()['id']}"
    assert send(staff_client, f"{path}/approve").status_code == 403
    assert terms(staff_client, version="2027-02").status_code == 409
    assert "Be kind" not in client.get("/terms/").content.decode()

    approved = send(colleague_client, f"{path}/approve").json()

    assert (approved["status"], approved["decided_by"]) == ("approved", "kim@operator.example")
    assert "Be kind" in client.get("/terms/").content.decode()
    assert send(colleague_client, f"{path}/approve").status_code == 409
    assert list(terms(staff_client).json()["field_errors"]) == ["version"]
    (row,) = staff_client.get(f"{API}/legal").json()["results"]
    assert row == staff_client.get(f"{API}/{path}").json()
    assert row["is_in_force"] is True


def test_a_legal_page_is_refused_with_a_reason_or_taken_back(staff_client, colleague_client):
    path = f"legal/{terms(staff_client).json()['id']}"
    assert send(colleague_client, f"{path}/refuse").status_code == 400
    refused = send(colleague_client, f"{path}/refuse", {"answer": "No"}).json()
    assert (refused["status"], refused["answer"]) == ("refused", "No")
    path = f"legal/{terms(staff_client, version='2027-02').json()['id']}"

    assert send(staff_client, f"{path}/withdraw").json()["status"] == "withdrawn"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"kind": "anthem"}, "kind"),
        ({"version": "2027 01"}, "version"),
        ({"effective_on": "2001-01-01"}, "effective_on"),
        ({"texts": {"fr": "Non."}}, "texts.en"),
    ],
)
def test_a_legal_page_that_cannot_be_is_refused_by_its_field(staff_client, facts, field):
    answer = terms(staff_client, **facts)

    assert (answer.status_code, list(answer.json()["field_errors"])) == (400, [field])
    with service():
        assert not LegalText.objects.exists()


def test_to_everybody_else_it_does_not_exist(alice_client, bob, client):
    for browser in (alice_client, signed_in(bob), client, Client()):
        for path in ("incidents", "announcements", "site", "legal"):
            assert browser.get(f"{API}/{path}").status_code in (403, 404)
        assert send(browser, "incidents", FAILS).status_code in (403, 404)
        assert send(browser, "incidents/maintenance", window()).status_code in (403, 404)
        body = {"texts": {"en": "Hello."}, "audience": "everyone"}
        assert send(browser, "announcements", body).status_code in (403, 404)
        assert draft(browser, {"name": "Mine"}).status_code in (403, 404)
        assert terms(browser).status_code in (403, 404)
    with service():
        for model in (Incident, Announcement, SiteVersion, LegalText):
            assert not model.objects.exists()
