"""Disputes and corrections over the staff's API: the desk's services, under four eyes."""

import uuid
from datetime import timedelta

import pytest
from django.db import connections

from billing.models import Correction, CreditNote
from common.database import service
from tests.billing.paper import JANUARY, invoice_of

API = "/api/v1/staff"
JSON = "application/json"


@pytest.fixture
def invoice(acme):
    """An open invoice of two lines: 10.00 and 5.01 before tax."""
    return invoice_of(acme, "10.00", "5.01")


@pytest.fixture
def dispute(invoice, alice_client):
    """What Alice objects to of it."""
    opened = alice_client.post(
        "/api/v1/organizations/acme/disputes",
        {"invoice": invoice.number, "line": 2, "reason": "Not ours"},
        JSON,
    )
    return opened.json()["id"]


def send(client, path, body=None, **headers):
    return client.post(f"{API}/{path}", body or {}, JSON, headers=headers)


def propose(client, invoice, **facts):
    body = {"kind": "credit", "words": "You are right", **facts}
    return send(client, f"invoices/{invoice.number}/corrections", body)


def proposed():
    with service():
        return Correction.objects.count()


def test_from_a_dispute_to_a_credit_note(staff_client, colleague_client, invoice, dispute):
    (seen,) = staff_client.get(f"{API}/disputes?status=open").json()["results"]
    made = propose(staff_client, invoice, line=2, amount="5.01", dispute=dispute)
    path = f"corrections/{made.json()['id']}"

    own = send(staff_client, f"{path}/approve")
    done = send(colleague_client, f"{path}/approve")
    again = send(colleague_client, f"{path}/approve")

    assert (seen["id"], seen["organization"], seen["line"]) == (dispute, "acme", 2)
    assert seen["opened_by"] == "alice@acme.example"
    told = made.json()
    assert (made.status_code, told["status"], told["amount"], told["line"]) == (
        201, "proposed", "5.01", 2,
    )  # fmt: skip
    assert (own.status_code, done.status_code, again.status_code) == (403, 200, 409)
    with service():
        note = CreditNote.objects.get()
    told = done.json()
    assert (told["status"], told["credit_note"]) == ("approved", note.number)
    assert (told["proposed_by"], told["decided_by"]) == (
        "sam@operator.example", "kim@operator.example",
    )  # fmt: skip
    shown = staff_client.get(f"{API}/invoices/{invoice.number}").json()
    assert (shown["organization"], shown["corrections"]) == ("acme", [told])
    assert staff_client.get(f"{API}/disputes?status=accepted").json()["results"][0]["id"] == dispute


def test_a_proposal_is_made_once_a_key_and_closed(staff_client, invoice):
    key = {"Idempotency-Key": "one"}
    body = {"kind": "void", "words": "Twice"}
    path = f"invoices/{invoice.number}/corrections"

    first, again = (send(staff_client, path, body, **key) for _ in "12")
    second = send(staff_client, path, body)
    closed = send(staff_client, f"corrections/{first.json()['id']}/refuse")

    assert (first.status_code, again.json(), second.status_code) == (201, first.json(), 409)
    assert closed.json()["status"] == "refused"
    listed = staff_client.get(f"{API}/corrections?status=refused").json()["results"]
    assert listed == [closed.json()]
    assert staff_client.get(f"{API}/corrections?status=proposed").json()["results"] == []


def test_a_dispute_is_refused_with_a_reason(staff_client, alice_client, dispute):
    without = send(staff_client, f"disputes/{dispute}/refuse")
    refused = send(staff_client, f"disputes/{dispute}/refuse", {"answer": "It was your key"})
    again = send(staff_client, f"disputes/{dispute}/refuse", {"answer": "It was your key"})

    assert (without.status_code, list(without.json()["field_errors"])) == (400, ["answer"])
    assert (refused.status_code, refused.json()["status"]) == (200, "refused")
    assert again.status_code == 409
    read = alice_client.get(f"/api/v1/organizations/acme/disputes/{dispute}").json()
    assert read["answer"] == "It was your key"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"kind": "gift"}, "kind"),
        ({"words": ""}, "words"),
        ({"words": "a\0"}, "words"),
        ({"line": 3}, "line"),
        ({"line": 10**20}, "line"),
        ({"line": 0}, "line"),
        ({"amount": "1e1"}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "20"}, "amount"),
        ({"kind": "void", "amount": "1"}, "amount"),
        ({"dispute": str(uuid.UUID(int=1))}, "dispute"),
        ({"number": "other"}, "number"),
    ],
)
def test_what_cannot_be_corrected_is_named(staff_client, invoice, facts, field):
    refused = propose(staff_client, invoice, **facts)

    assert 400 <= refused.status_code < 500
    assert list(refused.json()["field_errors"]) == [field]
    assert proposed() == 0


def test_lists_ask_no_more_for_more(staff_client, acme, django_assert_max_num_queries):
    for number in range(3):
        of_day = {"period_start": JANUARY + timedelta(days=number)}
        propose(staff_client, invoice_of(acme, f"{number + 1}.00", **of_day), kind="void")
    staff_client.get(f"{API}/corrections")

    with django_assert_max_num_queries(6, connection=connections["service"]):
        assert len(staff_client.get(f"{API}/corrections").json()["results"]) == 3


@pytest.mark.parametrize("path", ["disputes?status=lost", "corrections?status=lost"])
def test_a_state_that_is_none_is_named(staff_client, db, path):
    refused = staff_client.get(f"{API}/{path}")

    assert (refused.status_code, list(refused.json()["field_errors"])) == (400, ["status"])


def test_others_find_none_of_it(staff_client, alice_client, client, invoice, dispute):
    made = propose(staff_client, invoice).json()["id"]
    nobody = uuid.uuid4()
    for stranger in (alice_client, client):
        for path in ("disputes", "corrections", f"invoices/{invoice.number}"):
            assert stranger.get(f"{API}/{path}").status_code == 404
        for path in (
            f"disputes/{dispute}/refuse",
            f"corrections/{made}/approve",
            f"corrections/{made}/refuse",
            f"invoices/{invoice.number}/corrections",
        ):
            assert send(stranger, path, {"answer": "No"}).status_code == 404
    for path in (
        f"disputes/{nobody}/refuse",
        f"corrections/{nobody}/approve",
        "invoices/x/corrections",
    ):
        assert send(staff_client, path, {"answer": "No"}).status_code == 404
    with service():
        assert Correction.objects.get().status == "proposed"
