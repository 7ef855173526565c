"""What referrals are worth, over the staff's API: the page's form, services and four eyes."""

import uuid

import pytest

from billing.models import ReferralTerms
from billing.services import referral_terms
from common.database import service

API = "/api/v1/staff/referral-terms"
JSON = {"content_type": "application/json"}
TERMS = {
    "currency": "EUR",
    "referrer_amount": "20",
    "newcomer_amount": "10.00",
    "validity_days": 90,
    "most": 5,
    "ends_on": "2099-12-31",
}


def send(client, path="", body=None, **headers):
    return client.post(f"{API}{path}", body or {}, headers=headers, **JSON)


@pytest.fixture
def proposed(staff_client):
    """The path of terms that wait for a second person."""
    made = send(staff_client, body=TERMS)
    assert made.status_code == 201
    return f"/{made.json()['id']}"


def held():
    with service():
        found = referral_terms.in_force("EUR")
        return found and (str(found.referrer_amount.normalize()), found.most)


def test_a_colleague_approves_and_nobody_else(staff_client, colleague_client, proposed):
    own = send(staff_client, f"{proposed}/approve")
    assert (own.status_code, held()) == (403, None)

    approved = send(colleague_client, f"{proposed}/approve")
    again = send(colleague_client, f"{proposed}/approve")

    assert (approved.status_code, again.status_code) == (200, 409)
    assert held() == ("2E+1", 5)
    told = staff_client.get(f"{API}{proposed}").json()
    assert (told["is_in_force"], told["status"], told["ends_on"]) == (
        True, "approved", "2099-12-31",
    )  # fmt: skip
    assert (told["referrer_amount"], told["minimum_purchase"]) == ("20", "0")
    assert (told["proposed_by"], told["decided_by"]) == (
        "sam@operator.example", "kim@operator.example",
    )  # fmt: skip


def test_a_proposal_is_refused_with_a_reason_or_taken_back(
    staff_client, colleague_client, proposed
):
    silent = send(colleague_client, f"{proposed}/refuse", {"answer": ""})
    refused = send(colleague_client, f"{proposed}/refuse", {"answer": "Too dear"})
    other = f"/{send(staff_client, body=TERMS).json()['id']}"
    back = send(staff_client, f"{other}/withdraw")
    late = send(staff_client, f"{other}/withdraw")

    assert [it.status_code for it in (silent, refused, back, late)] == [400, 200, 200, 409]
    assert (refused.json()["answer"], back.json()["status"]) == ("Too dear", "withdrawn")
    listed = staff_client.get(f"{API}?currency=EUR&status=refused").json()["results"]
    assert [it["answer"] for it in listed] == ["Too dear"]
    assert held() is None


def test_a_proposal_is_made_once_a_key(staff_client):
    first, again = (send(staff_client, body=TERMS, **{"Idempotency-Key": "one"}) for _ in "12")
    second = send(staff_client, body=TERMS)

    assert (first.json(), again["Idempotent-Replayed"]) == (again.json(), "true")
    assert second.status_code == 409
    with service():
        assert ReferralTerms.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"currency": "euro"}, "currency"),
        ({"referrer_amount": "-1"}, "referrer_amount"),
        ({"referrer_amount": "1e3"}, "referrer_amount"),
        ({"newcomer_amount": "0.001"}, "newcomer_amount"),
        ({"newcomer_amount": "2000000"}, "newcomer_amount"),
        ({"validity_days": 0}, "validity_days"),
        ({"most": 0}, "most"),
        ({"ends_on": "2020-01-01"}, "ends_on"),
        ({"ends_on": "soon"}, "ends_on"),
        ({"amount": "1"}, "amount"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(staff_client, facts, field):
    answer = send(staff_client, body=TERMS | facts)

    assert answer.status_code in (400, 422)
    assert list(answer.json()["field_errors"]) == [field]
    with service():
        assert not ReferralTerms.objects.exists()


def test_others_do_not_find_it(alice_client, client, staff_client, proposed):
    for stranger in (alice_client, client):
        assert stranger.get(API).status_code == 404
        assert send(stranger, body=TERMS).status_code == 404
        assert send(stranger, f"{proposed}/approve").status_code == 404
    assert staff_client.get(f"{API}/{uuid.uuid4()}").status_code == 404
    assert send(staff_client, f"/{uuid.uuid4()}/approve").status_code == 404
