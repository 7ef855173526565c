"""What usage was worth, over the management API: to the last digit, under each heading."""

from datetime import timedelta

import pytest

from tenants.scope import scope
from tenants.services import api_keys
from tests.support.usage import NOON

MARCH = "start=2026-03-01T00:00:00Z&end=2026-04-01T00:00:00Z"


def spend(client, by, period=MARCH):
    return client.get(f"/api/v1/organizations/acme/spend?{period}&by={by}")


@pytest.fixture
def key(acme, bob):
    """A key of Bob's."""
    with scope(acme):
        return api_keys.create(acme, name="ci", by=bob).api_key


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("day", [("2026-03-12", "0.000000000001"), ("2026-03-15", "1.5")]),
        ("model", [("atlas-mini", "1.5"), ("atlas-large", "0.000000000001")]),
        ("project", [("default", "1.500000000001")]),
        ("member", [("None", "1.000000000001"), ("bob@acme.example", "0.5")]),
    ],
)
def test_each_heading_tells_the_same_total(acme, alice_client, used, key, by, groups):
    used("0.000000000001", offer_name="atlas-large", occurred_at=NOON - timedelta(days=3))
    used("1")
    used("0.5", api_key_id=key.pk)

    answer = spend(alice_client, by).json()

    assert [(it["group"], it["amount"]) for it in answer["groups"]] == groups
    assert (answer["total"], answer["currency"]) == ("1.500000000001", "EUR")


def test_nothing_spent_is_nought(acme, alice_client):
    assert spend(alice_client, "day").json()["total"] == "0"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"{MARCH}&by=region", "by"),
        ("start=2026-04-01T00:00:00Z&end=2026-03-01T00:00:00Z", "start"),
        ("start=yesterday", "start"),
    ],
)
def test_what_cannot_be_told_is_refused_by_its_name(acme, alice_client, query, field):
    answer = alice_client.get(f"/api/v1/organizations/acme/spend?{query}")

    assert answer.status_code == 400
    assert field in answer.json()["field_errors"]


def test_others_learn_nothing(acme, charlie_client):
    assert spend(charlie_client, "day").status_code == 404
