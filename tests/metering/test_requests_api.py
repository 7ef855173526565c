"""Single requests over the management API: those behind a sum, newest first, each with its worth."""

from datetime import timedelta

import pytest

from tenants.scope import scope
from tenants.services import api_keys, projects
from tests.support.usage import NOON

MARCH = "start=2026-03-01T00:00:00Z&end=2026-04-01T00:00:00Z"


def requests(client, query=MARCH):
    return client.get(f"/api/v1/organizations/acme/requests?{query}")


def test_a_request_is_told_with_its_tokens_and_its_exact_worth(acme, alice_client, used):
    event_id = used("0.000000000001", parts={"input": 7, "reasoning": 2})

    [found] = requests(alice_client).json()["data"]

    assert found["id"] == event_id
    assert found["tokens"] == {"input": 7, "reasoning": 2}
    assert found["cost"] == {"amount": "0.000000000001", "currency": "EUR"}
    assert (found["model"], found["outcome"], found["gpu_seconds"]) == (
        "atlas-mini",
        "completed",
        0,
    )


def test_pages_follow_one_another_without_a_gap(acme, alice_client, used):
    made = [used(occurred_at=NOON + timedelta(minutes=number)) for number in range(5)]

    first = requests(alice_client, f"{MARCH}&limit=2").json()
    last = first["data"][-1]["id"]
    rest = requests(alice_client, f"{MARCH}&limit=3&before={last}").json()

    assert [it["id"] for it in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_what_is_behind_a_day_of_a_line_is_found(acme, alice, alice_client, used):
    with scope(acme):
        lab = projects.create(acme, name="Lab", by=alice)
        key = api_keys.create(acme, name="ci", by=alice).api_key
    wanted = used(project_id=lab.pk, api_key_id=key.pk)
    used(offer_name="atlas-large", project_id=lab.pk)
    used(occurred_at=NOON + timedelta(days=1))
    day = "start=2026-03-15T00:00:00Z&end=2026-03-16T00:00:00Z"

    found = requests(alice_client, f"{day}&model=atlas-mini&project={lab.slug}&key={key.pk}").json()

    assert [it["id"] for it in found["data"]] == [wanted]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("key=7", "key"),
        ("project=none", "project"),
        ("before=none", "before"),
        ("before=%00", "before"),
        ("start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z", "start"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(acme, alice_client, query, field):
    answer = requests(alice_client, query)

    assert answer.status_code == 400
    assert field in answer.json()["field_errors"]


def test_others_learn_nothing(acme, charlie_client, used):
    used()

    assert requests(charlie_client).status_code == 404
