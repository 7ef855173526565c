"""Usage over the management API."""

from datetime import timedelta

import pytest

from tenants.scope import scope
from tenants.services import api_keys
from tests.support.usage import NOON

MARCH = "start=2026-03-01T00:00:00Z&end=2026-04-01T00:00:00Z"


def report(client, query=MARCH):
    return client.get(f"/api/v1/organizations/acme/usage?{query}")


def test_days_come_in_order_with_their_sums(acme, alice_client, used):
    used(times=2)
    used(occurred_at=NOON - timedelta(days=3), parts={"input": 1, "reasoning": 2})

    answer = report(alice_client).json()

    assert [(it["group"], it["usage"]["requests"]) for it in answer["groups"]] == [
        ("2026-03-12", 1),
        ("2026-03-15", 2),
    ]
    assert answer["total"] == {
        "requests": 3,
        "failures": 0,
        "input_tokens": 201,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "image_input_tokens": 0,
        "audio_input_tokens": 0,
        "output_tokens": 40,
        "reasoning_tokens": 2,
        "audio_output_tokens": 0,
        "trained_tokens": 0,
        "gpu_seconds": 0,
        "total_tokens": 243,
        "mean_ttft_ms": 40,
    }


def test_models_come_the_busiest_first(acme, alice_client, used):
    used(offer_name="a-quiet-one")
    used(offer_name="busy", times=2)

    answer = report(alice_client, f"{MARCH}&by=model").json()

    assert [it["group"] for it in answer["groups"]] == ["busy", "a-quiet-one"]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("project", [("default", 3)]),
        ("region", [("eu-paris", 2), ("eu-madrid", 1)]),
        ("member", [("None", 2), ("bob@acme.example", 1)]),
    ],
)
def test_usage_is_told_by_project_region_and_member(acme, alice_client, bob, used, by, groups):
    with scope(acme):
        key = api_keys.create(acme, name="bob's", by=bob).api_key
    used(api_key_id=key.pk)
    used(region="eu-madrid")
    used()

    answer = report(alice_client, f"{MARCH}&by={by}").json()

    assert [(it["group"], it["usage"]["requests"]) for it in answer["groups"]] == groups


@pytest.mark.parametrize(
    "query", ["by=moon", "start=yesterday", "start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z"]
)
def test_what_cannot_be_asked_is_named(acme, alice_client, query):
    response = report(alice_client, query)

    assert response.status_code == 400
    assert response.json()["field_errors"]


def test_to_a_stranger_there_is_no_usage(acme, charlie_client):
    assert report(charlie_client).status_code == 404
