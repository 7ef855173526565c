"""Billing over the management API."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing.models import SpendBucket
from common.database import service
from tests.billing.conftest import NOON

PREVIEW = "/api/v1/pricing/preview"
CREDITS = "/api/v1/organizations/acme/credits"
LEDGER = "/api/v1/organizations/acme/ledger"


@pytest.fixture
def rehearse(alice_client):
    def rehearse(**body):
        return alice_client.post(PREVIEW, body, content_type="application/json")

    return rehearse


def test_a_price_is_rehearsed(rehearse):
    tiers = [{"up_to": "10", "unit_amount": "0.005"}, {"up_to": None, "unit_amount": "2"}]

    answer = rehearse(currency="EUR", price={"model": "graduated", "tiers": tiers}, quantity="11")

    assert answer.status_code == 200
    assert answer.json() == {
        "lines": [
            {
                "kind": "usage",
                "quantity": "10",
                "unit_amount": "0.005",
                "amount": "0.05",
                "discount": "0",
                "total": "0.05",
            },
            {
                "kind": "usage",
                "quantity": "1",
                "unit_amount": "2",
                "amount": "2",
                "discount": "0",
                "total": "2",
            },
        ],
        "total": "2.05",
        "total_exact": "2.05",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": {"model": "per_unit", "unit_amount": 1}}, "price.unit_amount"),
        ({"price": None}, "price"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"currency": "euro"}, "currency"),
        ({"currency": None}, "currency"),
        ({"line_position": "first"}, "line_position"),
        ({"line_position": ["single"]}, "line_position"),
        ({"events": "1"}, "events"),
        ({"events": ["one"]}, "events.0"),
        ({"colour": "red"}, "colour"),
        ({"price": {"model": "percentage", "rate": "1", "free_events": 1}}, "events"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_by_field(rehearse, change, field):
    price = {"model": "per_unit", "unit_amount": "1"}

    answer = rehearse(**{"currency": "EUR", "price": price, "quantity": "1"} | change)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_price"
    assert list(answer.json()["field_errors"]) == [field]


@pytest.mark.parametrize("body", ["[]", "7", "{", '"price"'])
def test_a_body_that_is_no_object_is_refused(alice_client, body):
    assert alice_client.post(PREVIEW, body, content_type="application/json").status_code == 400


def test_strangers_rehearse_nothing(client, db):
    answer = client.post(PREVIEW, {}, content_type="application/json")

    assert answer.status_code in {401, 403}


def test_credit_is_shown_in_burn_order(alice_client, give, token_class):
    give("5")
    give("300", token_class=token_class, cost="3")

    answer = alice_client.get(CREDITS).json()

    assert (answer["currency"], answer["settled"], answer["live"]) == ("EUR", "5", "5")
    assert answer["tokens"] == [{"token_class": "Small models", "remaining": "300"}]
    assert [grant["remaining"] for grant in answer["grants"]] == ["300", "5"]
    assert answer["forecast"] == {"spent_per_day": "0", "exhausted_at": None}


def test_credit_says_until_when_it_lasts(alice_client, give, acme, project, time_machine):
    time_machine.move_to(NOON, tick=False)
    give("5", effective_from=NOON)
    with service():
        SpendBucket.objects.create(
            organization=acme, project=project, offer_name="llama-8b", currency="EUR",
            starts_at=NOON - timedelta(days=1), amount=Decimal(7),
        )  # fmt: skip

    forecast = alice_client.get(CREDITS).json()["forecast"]

    assert forecast["spent_per_day"] == "1"
    assert datetime.fromisoformat(forecast["exhausted_at"]) == NOON + timedelta(days=5)


def test_the_ledger_lists_what_was_booked(alice_client, give):
    give("5")

    rows = alice_client.get(LEDGER).json()["results"]

    assert {row["account"]: Decimal(row["amount"]) for row in rows} == {
        "payments_clearing": Decimal(5),
        "customer_prepaid": Decimal(-5),
    }


@pytest.mark.parametrize("address", [CREDITS, LEDGER])
def test_a_stranger_sees_no_money(charlie_client, acme, address):
    assert charlie_client.get(address).status_code == 404


@pytest.mark.parametrize("address", [CREDITS, LEDGER])
def test_a_developer_may_not_see_money(bob_client, address):
    assert bob_client.get(address).status_code == 403
