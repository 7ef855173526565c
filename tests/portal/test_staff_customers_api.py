"""Customers over the staff's API: the list, the portrait and the timeline of the pages."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from common.database import service
from marketplace import demo
from portal import timeline
from tenants.models import AuditEntry, CustomerNote
from tenants.services import notes, organizations, restrictions
from tests.portal.test_staff_desk import use

LIST = "/api/v1/staff/customers"
ACME = f"{LIST}/acme"
TIMELINE = f"{ACME}/timeline"
JSON = "application/json"


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


@pytest.fixture
def sam(person):
    return person("robin@operator.example", is_staff=True)


@pytest.fixture
def others(charlie):
    """Two more customers, after Acme by name."""
    return [
        organizations.found(name=name, owner=charlie, country="FR") for name in ("Borealis", "Zeta")
    ]


def gift(client, quantity="25"):
    return client.post(
        f"{ACME}/credits",
        {"unit": "money", "quantity": quantity, "reason": "Welcome"},
        JSON,
        headers={"Idempotency-Key": f"gift-{quantity}"},
    )


def test_the_list_says_what_the_page_shows(staff_client, acme):
    use(acme, amount="0.5")
    gift(staff_client)

    (told,) = staff_client.get(LIST).json()["results"]
    (shown,) = staff_client.get("/staff/customers/").context["customers"]

    assert (told["slug"], told["currency"], told["status"]) == ("acme", "EUR", "active")
    assert (told["balance"], told["worth"]) == ("25", "0.5")
    assert (told["requests"], told["tokens"]) == (shown.requests, shown.tokens) == (2, 19)


def test_the_list_is_searched_narrowed_and_paged(staff_client, others, acme):
    first = staff_client.get(f"{LIST}?limit=2").json()
    rest = staff_client.get(first["next"]).json()
    back = staff_client.get(rest["previous"]).json()
    staff_client.post(f"{ACME}/restrictions", {"level": "all", "reason": "Unpaid"}, JSON)

    assert [it["name"] for it in first["results"]] == ["Acme", "Borealis"]
    assert [it["name"] for it in rest["results"]] == ["Zeta"]
    assert (first["previous"], rest["next"], back["results"]) == (None, None, first["results"])
    for query, names in {
        "q=orea": ["Borealis"],
        "q=charlie@": ["Borealis", "Zeta"],
        "q=nobody": [],
        "status=suspended": ["Acme"],
        "status=active&q=zeta": ["Zeta"],
    }.items():
        found = staff_client.get(f"{LIST}?{query}").json()["results"]
        assert [it["name"] for it in found] == names


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{LIST}?status=gone", "status"),
        (f"{LIST}?q=a%00b", "q"),
        (f"{LIST}?q={'x' * 101}", "q"),
        (f"{LIST}?page=2", "page"),
        (f"{TIMELINE}?kind=moon", "kind"),
        (f"{TIMELINE}?cursor=%00", "cursor"),
        (f"{TIMELINE}?before=now", "before"),
    ],
)
def test_what_cannot_be_asked_is_named(staff_client, path, field):
    refused = staff_client.get(path)

    assert refused.status_code == 400
    assert list(refused.json()["field_errors"]) == [field]


def test_a_customer_is_told_of_as_the_page_shows_them(staff_client, acme, bob, sam):
    use(acme, amount="0.5")
    gift(staff_client)
    with service():
        notes.write(acme, text="Call on Mondays", by=sam)
        restrictions.impose(acme, level="warn", reason="Unpaid", by=sam)

    told = staff_client.get(ACME).json()
    shown = staff_client.get("/staff/customers/acme/").context["it"]

    assert (told["balance"]["live"], told["this_month"]["worth"]) == ("25", "0.5")
    (model,) = told["this_month"]["models"]
    assert (model["requests"], model["tokens"], model["worth"]) == (2, 19, "0.5")
    assert [it["email"] for it in told["members"]] == ["alice@acme.example", "bob@acme.example"]
    assert [it["role"] for it in told["members"]] == ["owner", "developer"]
    assert told["flags"] == shown.flags == ["Warnings and stops: 1"]
    assert [it["text"] for it in told["notes"]] == ["Call on Mondays"]
    assert [it["id"] for it in told["restrictions"]] == [str(it.pk) for it in shown.restrictions]
    assert [it["on"] for it in told["last_acts"]] == [it.entry.target_label for it in shown.audit]
    assert (len(told["days"]), told["days"][-1]["worth"]) == (30, "0.5")
    assert sum(Decimal(it["worth"]) for it in told["days"]) == Decimal("0.5")
    assert told["keys"] == {"usable": 0, "all": 0}
    assert told["limits"] == {"rpm_limit": None, "tpm_limit": None, "concurrency_limit": None}


def asked(client, path):
    with CaptureQueriesContext(connections["service"]) as found:
        assert client.get(path).status_code == 200
    return len(found)


def test_neither_asks_more_for_more_of_everything(staff_client, acme, others, sam):
    for _warm in "12":
        before = [asked(staff_client, path) for path in (ACME, f"{LIST}?q=acme")]
    use(acme)
    use(acme, offer_name="atlas-large")
    for quantity in ("1", "2", "3"):
        gift(staff_client, quantity)
    with service():
        for text in ("One", "Two"):
            notes.write(acme, text=text, by=sam)
        for level in ("warn", "new"):
            restrictions.impose(acme, level=level, reason="Unpaid", by=sam)

    after = [asked(staff_client, path) for path in (ACME, LIST)]

    assert after == before
    assert max(after) < 25


def test_the_timeline_is_told_narrowed_and_paged(staff_client, acme, sam, monkeypatch):
    monkeypatch.setattr(timeline, "PAGE", 2)
    with service():
        for text in ("One", "Two", "Three"):
            notes.write(acme, text=text, by=sam)
        restrictions.impose(acme, level="warn", reason="Unpaid", by=sam)

    first = staff_client.get(f"{TIMELINE}?kind=notes&kind=restrictions").json()
    rest = staff_client.get(first["next"]).json()

    assert [it["about"] for it in first["results"]] == ["Unpaid", "Three"]
    assert first["results"][1] | {"at": ""} == {
        "at": "", "kind": "notes", "what": "Note", "about": "Three", "who": sam.email, "page": "",
    }  # fmt: skip
    assert [it["about"] for it in rest["results"]] == ["Two", "One"]
    assert rest["next"] is None


def test_what_happened_in_one_moment_is_all_told(staff_client, acme, sam, monkeypatch):
    monkeypatch.setattr(timeline, "PAGE", 1)
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with service():
        for text in ("One", "Two", "Three"):
            CustomerNote.objects.create(organization=acme, author=sam, text=text, created_at=at)
        for label in ("x", "y"):
            AuditEntry.objects.create(
                organization=acme, actor_kind="staff", actor_label="sam", action="note.written",
                target_kind="a", target_id="1", target_label=label, occurred_at=at,
            )  # fmt: skip

    told, path = [], f"{TIMELINE}?cursor=2026-03-02T00:00:00%2B00:00_x_{UUID(int=0)}"
    while path:
        page = staff_client.get(path).json()
        told += [it["about"] for it in page["results"]]
        path = page["next"]

    # Rows of one millisecond lie in no order of their own.
    assert sorted(told[:3]) == ["One", "Three", "Two"]
    assert sorted(told[3:]) == ["x", "y"]


@pytest.mark.parametrize("cursor", ["never", "2026-03-15_x_y", "2026-03-15_a_" + str(UUID(int=1))])
def test_a_cursor_nobody_gave_is_not_found(staff_client, cursor):
    assert staff_client.get(f"{TIMELINE}?cursor={cursor}").status_code == 404


def test_to_others_none_of_it_exists(staff_client, alice_client, client, person):
    for stranger in (alice_client, client):
        for path in (LIST, ACME, TIMELINE):
            assert stranger.get(path).status_code == 404
    for path in (f"{LIST}/nobody", f"{LIST}/nobody/timeline"):
        assert staff_client.get(path).status_code == 404
