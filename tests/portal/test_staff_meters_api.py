"""Contradictions of meters and the seals over the staff's API, as the page shows them."""

import pytest
from django.db import connections

from billing.models import SealCheck
from common.database import service
from tests.support.meters import catalogue, event, meter_key, moment, report

__all__ = ["catalogue", "meter_key", "report"]
CONFLICTS, SEALING = "/api/v1/staff/meter-conflicts", "/api/v1/staff/sealing"


@pytest.fixture
def contradict(report):
    """Tell an event twice, with other tokens and another time the second time."""

    def contradict(name):
        first = event(name, time=moment(minutes=3))
        other = event(name, time=moment(minutes=1))
        report(first)
        report(other | {"data": first["data"] | {"tokens": {"input": 7, "output": 100}}})

    return contradict


def test_a_contradiction_shows_both_sides(acme, contradict, staff_client):
    contradict("r-1")

    (told,) = staff_client.get(CONFLICTS).json()["results"]

    assert (told["organization"], told["event_id"]) == ("acme", "r-1")
    assert told["source"].endswith("/litellm/one")
    assert [it["field"] for it in told["differences"]] == ["occurred_at", "input_tokens"]
    assert told["differences"][1] == {"field": "input_tokens", "counted": 1000, "refused": 7}


def test_older_ones_are_a_page_further(
    acme, contradict, staff_client, django_assert_max_num_queries
):
    for name in ("r-1", "r-2", "r-3"):
        contradict(name)

    first = staff_client.get(f"{CONFLICTS}?limit=2").json()
    with django_assert_max_num_queries(6, connection=connections["service"]):
        rest = staff_client.get(first["next"]).json()

    assert [it["event_id"] for it in first["results"]] == ["r-3", "r-2"]
    assert [it["event_id"] for it in rest["results"]] == ["r-1"]


def test_what_is_not_sealed_yet_says_so_and_a_check_tells_its_problems(staff_client, db):
    before = staff_client.get(SEALING).json()
    with service():
        SealCheck.objects.create(through=3, receipts=9, problems=["seal 2 differs"])

    after = staff_client.get(SEALING).json()

    assert (before["sealed_until"], before["seals"], before["checked_at"]) == (None, 0, None)
    assert (before["is_late"], before["problems"]) == (False, [])
    assert (after["checked_seals"], after["checked_receipts"]) == (3, 9)
    assert after["problems"] == ["seal 2 differs"]


def test_others_find_neither(alice_client, client, acme):
    for stranger in (alice_client, client):
        assert stranger.get(CONFLICTS).status_code == 404
        assert stranger.get(SEALING).status_code == 404
