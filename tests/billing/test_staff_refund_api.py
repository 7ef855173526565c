"""Refunds of purchases over the staff's API: the desk's services, under four eyes."""

import uuid

import pytest

from billing.models import Invoice, Refund
from billing.services import orders
from common.database import service
from tests.billing.test_orders import (  # noqa: F401 - fixtures
    at_once,
    bundle,
    order,
    pay,
)

API = "/api/v1/staff"
JSON = "application/json"
WHY = {"reason": "Moved to another cloud"}


@pytest.fixture
def bought(stripe, order):  # noqa: F811
    """Acme's paid order."""
    pay(stripe, order)
    return orders.fulfil(order.session_id)


@pytest.fixture
def path(bought):
    return f"orders/{bought.pk}/refund"


def send(client, path, body=None, **headers):
    return client.post(f"{API}/{path}", body or {}, JSON, headers=headers)


def test_what_is_left_goes_back_once_a_colleague_approves(
    staff_client, colleague_client, bought, path
):
    with service():
        number = Invoice.objects.get(order=bought).number
    told_of = staff_client.get(f"{API}/invoices/{number}").json()
    left = staff_client.get(f"{API}/{path}").json()
    key = {"Idempotency-Key": "one"}
    made, again = (send(staff_client, path, WHY, **key) for _ in "12")
    second = send(staff_client, path, WHY)
    one = f"refunds/{made.json()['id']}"

    own = send(staff_client, f"{one}/approve")
    done = send(colleague_client, f"{one}/approve")
    late = send(colleague_client, f"{one}/refuse")

    assert told_of["order"] == str(bought.pk)
    assert (made.status_code, made.json(), second.status_code) == (201, again.json(), 409)
    assert (made.json()["status"], made.json()["net"]) == ("proposed", "0")
    assert (own.status_code, done.status_code, late.status_code) == (403, 200, 409)
    told = done.json()
    assert (told["organization"], told["net"], told["currency"]) == (
        "acme", left["net"], left["currency"],
    )  # fmt: skip
    assert told["credit_note"]
    assert (told["proposed_by"], told["decided_by"]) == (
        "sam@operator.example", "kim@operator.example",
    )  # fmt: skip
    assert [it["id"] for it in staff_client.get(f"{API}/refunds").json()["results"]] == [told["id"]]
    assert staff_client.get(f"{API}/{path}").json()["net"] == "0"


def test_a_proposal_is_closed_without_effect(staff_client, path):
    before = staff_client.get(f"{API}/{path}").json()
    made = send(staff_client, path, WHY).json()["id"]

    closed = send(staff_client, f"refunds/{made}/refuse")

    assert (closed.status_code, closed.json()["status"]) == (200, "refused")
    assert staff_client.get(f"{API}/{path}").json() == before
    for act in ("approve", "retry", "keep"):
        assert send(staff_client, f"refunds/{made}/{act}").status_code in {403, 409}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\0"}, "reason"),
        ({"reason": "x" * 251}, "reason"),
        ({**WHY, "amount": "5"}, "amount"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(staff_client, path, body, field):
    refused = send(staff_client, path, body)

    assert (refused.status_code, list(refused.json()["field_errors"])) == (400, [field])
    with service():
        assert not Refund.objects.exists()


def test_others_find_none_of_it(staff_client, alice_client, client, path):
    made = send(staff_client, path, WHY).json()["id"]
    acts = [f"refunds/{made}/{act}" for act in ("approve", "refuse", "retry", "keep")]
    for stranger in (alice_client, client):
        assert stranger.get(f"{API}/refunds").status_code == 404
        assert stranger.get(f"{API}/{path}").status_code == 404
        for one in (path, *acts):
            assert send(stranger, one, WHY).status_code == 404
    nobody = uuid.uuid4()
    for one in (f"orders/{nobody}/refund", f"refunds/{nobody}/approve", f"refunds/{nobody}/keep"):
        assert send(staff_client, one, WHY).status_code == 404
    assert staff_client.get(f"{API}/refunds?status=lost").status_code == 400
    with service():
        assert Refund.objects.get().status == "proposed"
