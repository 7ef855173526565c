"""Credit that comes every month over the staff's API: the page's form and service."""

import uuid

import pytest
from django.utils import timezone

from billing.models import CreditGrant, RecurringGrant
from common.database import service
from tenants.models import Membership, User

MONTHLY = "/api/v1/staff/customers/acme/monthly-credits"


@pytest.fixture
def terms(clock):
    """Ten euros from this month on; no month turns over meanwhile."""
    return {
        "unit": "money",
        "quantity": "10.00",
        "first_month": f"{timezone.now():%Y-%m}",
        "reason": "Pilot",
    }


@pytest.fixture
def send(staff_client, acme):
    """Send JSON as staff do."""

    def send(path, body=None, key="one", client=staff_client):
        headers = {"Idempotency-Key": key} if key else {}
        return client.post(path, body or {}, content_type="application/json", headers=headers)

    return send


def counts():
    with service():
        return RecurringGrant.objects.count(), CreditGrant.objects.count()


def test_credit_begins_once_a_key_and_is_ended(send, staff_client, terms):
    first, again = send(MONTHLY, terms), send(MONTHLY, terms)
    listed = staff_client.get(MONTHLY).json()
    path = f"{MONTHLY}/{first.json()['id']}/end"
    ended, twice = send(path), send(path)

    assert (first.status_code, first.json(), listed) == (201, again.json(), [first.json()])
    told = first.json()
    assert (told["quantity"], told["currency"], told["rollover"], told["last_month"]) == (
        "10", "EUR", "0", "",
    )  # fmt: skip
    assert ended.json()["ended_at"] == twice.json()["ended_at"] is not None
    assert counts() == (1, 1)


def test_a_key_is_of_one_grant(send, terms):
    send(MONTHLY, terms)

    assert send(MONTHLY, terms | {"quantity": "11"}).status_code == 409
    assert send(MONTHLY, terms | {"rollover": "1"}).status_code == 409
    assert counts() == (1, 1)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"unit": "gold"}, "unit"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "1e3"}, "quantity"),
        ({"quantity": "0.001"}, "quantity"),
        ({"first_month": "2020-01"}, "first_month"),
        ({"first_month": "2027-13"}, "first_month"),
        ({"last_month": "2020-01"}, "last_month"),
        ({"rollover": "-1"}, "rollover"),
        ({"priority": 101}, "priority"),
        ({"token_class": "none"}, "token_class"),
        ({"token_class": "a\0"}, "token_class"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\0"}, "reason"),
        ({"expires_on": "2030-01-01"}, "expires_on"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(send, terms, facts, field):
    refused = send(MONTHLY, terms | facts)

    assert (refused.status_code, list(refused.json()["field_errors"])) == (400, [field])
    assert counts() == (0, 0)


def test_without_a_key_nothing_begins(send, terms):
    assert send(MONTHLY, terms, key="").status_code == 400
    assert counts() == (0, 0)


def test_nobody_gives_to_a_customer_they_belong_to(send, acme, terms):
    with service():
        sam = User.objects.get(email="sam@operator.example")
        Membership.objects.create(organization=acme, user=sam, role="billing")

    assert send(MONTHLY, terms).status_code == 403
    assert counts() == (0, 0)


def test_to_everybody_else_it_does_not_exist(send, alice_client, client, terms):
    path = f"{MONTHLY}/{send(MONTHLY, terms).json()['id']}/end"
    for someone in (alice_client, client):
        assert someone.get(MONTHLY).status_code == 404
        assert send(MONTHLY, terms, client=someone).status_code == 404
        assert send(path, client=someone).status_code == 404
    for other in (path.replace("acme", "nobody"), f"{MONTHLY}/{uuid.uuid4()}/end"):
        assert send(other).status_code == 404
    with service():
        assert RecurringGrant.objects.get().ended_at is None
