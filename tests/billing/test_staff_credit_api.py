"""Credit and customer groups over the management API: staff's, and nobody else's."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from billing.models import CreditGrant
from common.database import service
from common.ids import uuid7
from marketplace.models import CustomerGroup
from tenants.models import AuditEntry, Membership, User

CREDITS = "/api/v1/staff/customers/acme/credits"
GROUPS = "/api/v1/staff/customer-groups"
GIFT = {"unit": "money", "quantity": "25.00", "reason": "an apology"}


@pytest.fixture
def send(staff_client, acme):
    """Send JSON as staff do."""

    def send(method, path, body=None, key="one"):
        call = getattr(staff_client, method)
        headers = {"Idempotency-Key": key} if key else {}
        return call(path, body, content_type="application/json", headers=headers)

    return send


def grants():
    with service():
        return list(CreditGrant.objects.values_list("granted", flat=True))


def test_credit_is_granted_once_per_key_and_taken_back(send, books):
    first, again = send("post", CREDITS, GIFT), send("post", CREDITS, GIFT)
    send("post", CREDITS, GIFT, key="two")

    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    assert grants() == [25, 25]
    assert len(send("get", CREDITS).json()) == 2
    void = f"{CREDITS}/{first.json()['id']}/void"
    assert send("post", void, {"reason": "a mistake"}).json()["voided_at"]
    assert send("post", void, {"reason": "a mistake"}).status_code == 200
    assert books() == {"customer_prepaid": -25, "adjustments": 25}
    with service():
        actions = AuditEntry.objects.filter(action__startswith="credit.")
        assert sorted(actions.values_list("action", flat=True)) == [
            "credit.granted",
            "credit.granted",
            "credit.voided",
        ]


def test_a_key_is_of_one_grant(send):
    send("post", CREDITS, GIFT)

    assert send("post", CREDITS, GIFT | {"quantity": "26"}).status_code == 409
    later = (timezone.now() + timedelta(days=9)).date().isoformat()
    assert send("post", CREDITS, GIFT | {"starts_on": later}).status_code == 409
    assert grants() == [25]


def test_nobody_gives_credit_to_a_customer_they_belong_to(send, acme, staff_client):
    with service():
        sam = User.objects.get(email="sam@operator.example")
        Membership.objects.create(organization=acme, user=sam, role="billing")
    form = GIFT | {"operation": uuid7(), "priority": "0"}
    monthly = form | {"first_month": f"{timezone.now():%Y-%m}", "rollover": "0"}

    answers = [
        send("post", CREDITS, GIFT),
        staff_client.post("/staff/customers/acme/credit/", form),
        staff_client.post("/staff/customers/acme/monthly/new/", monthly),
    ]

    assert [it.status_code for it in answers] == [403, 403, 422]
    assert grants() == []


def test_one_key_at_once_grants_once(send):
    gate = threading.Barrier(4)

    def ask(_number):
        gate.wait()
        try:
            return send("post", CREDITS, GIFT).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {201}
    assert grants() == [25]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "-5"}, "quantity"),
        ({"quantity": "NaN"}, "quantity"),
        ({"quantity": "1e9"}, "quantity"),
        ({"quantity": "٢٥"}, "quantity"),
        ({"unit": "gold"}, "unit"),
        ({"unit": "tokens", "quantity": "5"}, "token_class"),
        ({"expires_on": "2020-01-01"}, "expires_on"),
        ({"reason": ""}, "reason"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(send, facts, field):
    reply = send("post", CREDITS, GIFT | facts)

    assert (reply.status_code, list(reply.json()["field_errors"])) == (400, [field])
    assert grants() == []


def test_without_a_key_nothing_is_granted(send):
    assert send("post", CREDITS, GIFT, key="").status_code == 400
    assert grants() == []


def test_tokens_are_of_the_class_that_is_named(send, token_class):
    tokens = {"unit": "tokens", "quantity": "1000", "token_class": "small", "reason": "a trial"}

    assert send("post", CREDITS, tokens).json()["token_class"] == "small"
    nobodys = send("post", CREDITS, tokens | {"token_class": "large"}, key="two")
    assert list(nobodys.json()["field_errors"]) == ["token_class"]


def test_what_was_bought_is_not_taken_back_here(send, give):
    bought = give("10")

    assert send("post", f"{CREDITS}/{bought.pk}/void", {"reason": "x"}).status_code == 404


def test_groups_are_made_and_filled(send):
    made = send("post", GROUPS, {"code": "public", "name": "Public bodies"}, key="")
    assert (made.status_code, made.json()["customers"]) == (201, [])
    again = send("post", GROUPS, {"code": "public", "name": "Again"}, key="")
    assert again.status_code == 409
    send("post", GROUPS, {"code": "schools", "name": "Schools"}, key="")

    assert send("put", f"{GROUPS}/public/customers/acme").json()["customers"] == ["acme"]
    send("put", f"{GROUPS}/schools/customers/acme")
    assert [it["customers"] for it in send("get", GROUPS).json()] == [[], ["acme"]]
    assert send("delete", f"{GROUPS}/public/customers/acme").status_code == 404
    assert send("delete", f"{GROUPS}/schools/customers/acme").json()["customers"] == []
    assert send("get", f"{GROUPS}/nobody").status_code == 404
    assert send("put", f"{GROUPS}/public/customers/nobody").status_code == 404


def test_to_everybody_else_it_does_not_exist(alice_client, client, acme):
    for someone in (alice_client, client):
        for path in (CREDITS, GROUPS):
            assert someone.get(path).status_code == 404
            assert someone.post(path, GIFT, content_type="application/json").status_code == 404
    with service():
        assert not CustomerGroup.objects.exists()
    assert grants() == []


def test_credit_that_was_paid_for_is_not_taken_back(send, give, books):
    # A month's end gives back what was settled too dear as credit of this kind.
    given = give("30", kind=CreditGrant.Kind.PROMOTIONAL)
    before = books()

    answer = send("post", f"{CREDITS}/{given.pk}/void", {"reason": "a mistake"})

    assert (answer.status_code, books()) == (404, before)
