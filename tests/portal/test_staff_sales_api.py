"""Bundles, vouchers and support of all customers over the staff's API: the pages' forms and services."""

import uuid

import pytest

from billing.models import Voucher, VoucherCampaign
from common.database import service
from marketplace.models import Bundle, TokenClass
from tenants.models import SupportAccess

API = "/api/v1/staff"
BUNDLE = {
    "slug": "hundred",
    "name": "Hundred",
    "currency": "EUR",
    "net_amount": "90.00",
    "grant_unit": "money",
    "grant_quantity": "100",
    "validity_days": 365,
}
CAMPAIGN = {
    "name": "Spring",
    "unit": "money",
    "quantity": "5.50",
    "currency": "EUR",
    "validity_days": 90,
    "last_day": "2026-12-31",
    "codes": 3,
}


def send(client, path, body=None, method="post", **headers):
    call = getattr(client, method)
    return call(f"{API}/{path}", body or {}, content_type="application/json", headers=headers)


def count(model):
    with service():
        return model.objects.count()


@pytest.fixture
def tokens(db):
    with service():
        return TokenClass.objects.create(code="small", name="Small")


def test_a_bundle_is_put_on_sale_once_and_taken_off(staff_client, db):
    key = {"Idempotency-Key": "one"}
    first, again = (send(staff_client, "bundles", BUNDLE, **key) for _ in "12")
    taken = send(staff_client, "bundles", BUNDLE)
    path = f"bundles/{first.json()['id']}"
    off = send(staff_client, path, {"is_active": False}, "patch")

    assert (first.status_code, first.json()) == (201, again.json())
    assert (taken.status_code, list(taken.json()["field_errors"])) == (422, ["slug"])
    told = first.json()
    assert (told["net_amount"], told["grant_quantity"], told["is_active"]) == ("90", "100", True)
    assert off.json()["is_active"] is False
    assert staff_client.get(f"{API}/{path}").json() == off.json()
    assert [it["slug"] for it in staff_client.get(f"{API}/bundles").json()] == ["hundred"]


def test_a_bundle_of_tokens_names_their_class(staff_client, tokens):
    facts = BUNDLE | {"grant_unit": "tokens", "grant_quantity": "1000000", "token_class": "small"}

    assert send(staff_client, "bundles", facts).json()["token_class"] == "small"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"net_amount": "0"}, "net_amount"),
        ({"net_amount": "-1"}, "net_amount"),
        ({"net_amount": "1.001"}, "net_amount"),
        ({"net_amount": 10**20}, "net_amount"),
        ({"currency": "eu"}, "currency"),
        ({"grant_unit": "hours"}, "grant_unit"),
        ({"grant_unit": "tokens"}, "token_class"),
        ({"token_class": "small"}, "token_class"),
        ({"token_class": "none"}, "token_class"),
        ({"grant_unit": "tokens", "token_class": "small", "grant_quantity": "1.5"}, "grant_quantity"),
        ({"validity_days": 0}, "validity_days"),
        ({"slug": "no slug"}, "slug"),
        ({"is_active": False}, "is_active"),
    ],
)  # fmt: skip
def test_a_wrong_bundle_is_refused_by_name(staff_client, tokens, facts, field):
    answer = send(staff_client, "bundles", BUNDLE | facts)

    assert answer.status_code in (400, 422)
    assert list(answer.json()["field_errors"]) == [field]
    assert count(Bundle) == 0


def test_codes_of_a_campaign_are_told_once(staff_client, db, clock):
    key = {"Idempotency-Key": "one"}
    first, again = (send(staff_client, "vouchers", CAMPAIGN, **key) for _ in "12")

    assert (first.status_code, len(first.json()["codes"])) == (201, 3)
    assert again.json() == first.json() | {"codes": None}
    assert (count(VoucherCampaign), count(Voucher)) == (1, 3)
    listed = staff_client.get(f"{API}/vouchers").json()["results"]
    assert [(it["name"], it["quantity"], it["uses"], it["redeemed"]) for it in listed] == [
        ("Spring", "5.5", 3, 0)
    ]
    assert "codes" not in listed[0]
    assert listed[0]["redeem_until"] == "2027-01-01T00:00:00Z"


def test_a_campaign_ends_and_twice_is_once(staff_client, db, clock):
    path = f"vouchers/{send(staff_client, 'vouchers', CAMPAIGN).json()['id']}"

    ended = send(staff_client, f"{path}/end").json()
    again = send(staff_client, f"{path}/end").json()

    assert ended["is_over"]
    assert ended == again == staff_client.get(f"{API}/{path}").json()


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"quantity": "1e2"}, "quantity"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "999999999999"}, "quantity"),
        ({"last_day": "2020-01-01"}, "last_day"),
        ({"last_day": "9999-12-31"}, "last_day"),
        ({"codes": 0}, "codes"),
        ({"codes": 1001}, "codes"),
        ({"unit": "tokens", "quantity": "5"}, "token_class"),
        ({"codes_": 1}, "codes_"),
    ],
)
def test_a_wrong_campaign_is_refused_by_name(staff_client, db, clock, facts, field):
    answer = send(staff_client, "vouchers", CAMPAIGN | facts)

    assert answer.status_code in (400, 422)
    assert list(answer.json()["field_errors"]) == [field]
    assert count(VoucherCampaign) == 0


@pytest.fixture
def asked(staff_client, acme):
    """Sam asks to read Acme's pages in an emergency."""
    facts = {"reason": "Invoices fail", "ticket": "T-1", "minutes": 10, "way": "emergency"}
    made = send(staff_client, "customers/acme/support-accesses", facts)
    assert made.status_code == 201
    return f"support/{made.json()['id']}"


def test_a_colleague_lets_in_and_who_asked_does_not(staff_client, colleague_client, asked):
    waiting = staff_client.get(f"{API}/support?show=waiting").json()["results"]
    own = send(staff_client, f"{asked}/grant")
    granted = send(colleague_client, f"{asked}/grant")
    late = send(colleague_client, f"{asked}/refuse")

    assert [it["customer"] for it in waiting] == ["acme"]
    assert [it.status_code for it in (own, granted, late)] == [403, 200, 409]
    assert (granted.json()["state"], granted.json()["decided_by"]) == (
        "granted", "kim@operator.example",
    )  # fmt: skip
    assert staff_client.get(f"{API}/support?show=waiting").json()["results"] == []
    assert len(staff_client.get(f"{API}/support?show=open").json()["results"]) == 1


def test_nobody_but_who_reads_leaves(staff_client, colleague_client, asked):
    send(colleague_client, f"{asked}/grant")

    foreign = send(colleague_client, f"{asked}/end")
    ended = [send(staff_client, f"{asked}/end") for _ in "12"]

    assert [it.status_code for it in (foreign, *ended)] == [404, 200, 200]
    assert ended[1].json()["state"] == "ended"
    assert staff_client.get(f"{API}/support?show=open").json()["results"] == []
    assert len(staff_client.get(f"{API}/support").json()["results"]) == 1


def test_what_a_customer_decides_staff_does_not(colleague_client, staff_client, acme):
    facts = {"reason": "Invoices fail", "ticket": "T-1", "minutes": 10}
    made = send(staff_client, "customers/acme/support-accesses", facts).json()

    assert send(colleague_client, f"support/{made['id']}/grant").status_code == 403
    assert staff_client.get(f"{API}/support?show=waiting").json()["results"] == []
    with service():
        assert SupportAccess.objects.get().state == "asked"


def test_a_refused_colleague_reads_nothing(staff_client, colleague_client, asked):
    assert send(colleague_client, f"{asked}/refuse").json()["state"] == "refused"
    assert staff_client.get(f"{API}/support?show=nothing").status_code == 400


def test_others_find_none_of_it(alice_client, client, staff_client, asked):
    missing = uuid.uuid4()
    for stranger in (alice_client, client):
        for path in ("bundles", "vouchers", "support"):
            assert stranger.get(f"{API}/{path}").status_code == 404
        assert send(stranger, "bundles", BUNDLE).status_code == 404
        assert send(stranger, "vouchers", CAMPAIGN).status_code == 404
        assert send(stranger, f"{asked}/grant").status_code == 404
    for path in (f"vouchers/{missing}/end", f"support/{missing}/grant"):
        assert send(staff_client, path).status_code == 404
    assert send(staff_client, f"bundles/{missing}", {"is_active": True}, "patch").status_code == 404
