"""``Idempotency-Key``: asked again it is the same answer, for another request a refusal."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from billing.models import Plan
from common.database import service
from tenants.models import ApiKey, Project, RememberedAnswer
from tenants.scope import scope

API = "/api/v1/organizations/acme/"


def asking(client):
    """Return a function that sends JSON under a key."""

    def ask(path, body, key="one"):
        headers = {"Idempotency-Key": key} if key else {}
        return client.post(path, body, content_type="application/json", headers=headers)

    return ask


@pytest.fixture
def ask(alice_client):
    """Ask as Alice."""
    return asking(alice_client)


def projects():
    with service():
        return Project.objects.filter(name="Lab").count()


def test_asked_again_under_a_key_nothing_is_made_twice(ask):
    first, again = ask(f"{API}projects", {"name": "Lab"}), ask(f"{API}projects", {"name": "Lab"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert projects() == 1


def test_another_request_under_the_key_is_refused(ask):
    ask(f"{API}projects", {"name": "Lab"})

    refused = ask(f"{API}projects", {"name": "Other"})

    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert ask(f"{API}cost-centres", {"code": "R-1", "name": "x"}).status_code == 201


def test_a_refusal_is_not_remembered(ask):
    assert ask(f"{API}projects", {"name": ""}).status_code == 400
    assert ask(f"{API}projects", {"name": "Lab"}).status_code == 201
    with service():
        assert RememberedAnswer.objects.count() == 1


def test_a_secret_is_in_the_first_answer_only(ask):
    first, again = (ask(f"{API}keys", {"name": "robot"}).json() for _ in range(2))

    assert first["key"].startswith("tsr_")
    assert again == first | {"key": None}
    with service():
        assert first["key"] not in str(list(RememberedAnswer.objects.values()))
        assert ApiKey.objects.filter(name="robot").count() == 1


def test_staff_make_a_plan_once(acme, staff_client):
    staff = asking(staff_client)
    plan = {"code": "gold", "name": "Gold"}

    made = [staff("/api/v1/staff/plans", plan) for _ in range(2)]

    assert [it.status_code for it in made] == [201, 201]
    assert staff("/api/v1/staff/plans", plan, key="two").status_code == 409
    with service():
        assert Plan.objects.count() == 1


def test_an_answer_is_forgotten_after_a_week(ask):
    ask(f"{API}projects", {"name": "Lab"})
    with service():
        RememberedAnswer.objects.update(asked_at=timezone.now() - timedelta(days=8))

    ask(f"{API}projects", {"name": "Lab"})

    with service():
        assert RememberedAnswer.objects.count() == 1


def test_answers_are_their_organizations_own(ask, acme):
    ask(f"{API}projects", {"name": "Lab"})

    with scope(acme):
        assert RememberedAnswer.objects.count() == 1


def test_one_key_at_once_makes_one(ask):
    gate = threading.Barrier(4)

    def one(_number):
        gate.wait()
        try:
            return ask(f"{API}projects", {"name": "Lab"}).json()["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(4)))) == 1
    assert projects() == 1


def test_a_key_that_is_too_long_is_refused(ask):
    assert ask(f"{API}projects", {"name": "Lab"}, key="k" * 256).status_code == 400
    assert projects() == 0
