"""Passes: what the browser of a member calls with, and when it no longer does."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from common.database import service
from tenants import keys
from tenants.models import ApiKey, AuditEntry, Membership, Project, Role
from tenants.queries import projects_of
from tenants.scope import scope
from tenants.services import members, passes


@pytest.fixture
def issued(acme):
    """Give a member of Acme a pass; return its text."""

    def issued(user):
        with scope(acme):
            membership = Membership.objects.get(user=user)
            return passes.issue(membership, Project.objects.get()).text

    return issued


def opens(text):
    with service():
        return ApiKey.objects.usable().filter(digest=keys.digest(text)).exists()


def test_a_pass_opens_the_door_for_a_quarter_of_an_hour(acme, bob, issued):
    text = issued(bob)

    assert opens(text)
    with service():
        left = ApiKey.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def test_a_new_text_closes_the_one_before_it_and_stays_the_same_key(acme, bob, issued):
    first = issued(bob)
    second = issued(bob)

    assert [opens(first), opens(second)] == [False, True]
    with service():
        assert ApiKey.objects.count() == 1
        assert AuditEntry.objects.filter(action="playground.opened").count() == 1


def test_two_windows_at_once_leave_one_pass(acme, bob, issued):
    start, texts = threading.Barrier(2), []

    def ask():
        start.wait()
        texts.append(issued(bob))
        connections.close_all()

    windows = [threading.Thread(target=ask) for _window in range(2)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()

    assert sorted(opens(text) for text in texts) == [False, True]


def test_who_leaves_takes_no_pass_along(acme, bob, issued):
    text = issued(bob)

    with scope(acme):
        membership = Membership.objects.get(user=bob)
        members.remove(membership, by=membership)

    assert not opens(text)


@pytest.mark.parametrize(("role", "stays"), [(Role.ADMIN, True), (Role.VIEWER, False)])
def test_another_role_closes_it_unless_it_opens_the_playground(
    acme, alice, bob, issued, role, stays
):
    text = issued(bob)

    with scope(acme):
        owner, member = (Membership.objects.get(user=user) for user in (alice, bob))
        members.change_role(member, role=role, by=owner)

    assert opens(text) is stays


def test_signing_out_closes_the_text_and_nothing_else(acme, alice, bob, bob_client, issued):
    text, others = issued(bob), issued(alice)

    bob_client.post("/accounts/logout/")

    assert [opens(text), opens(others)] == [False, True]
    assert opens(issued(bob))


def test_a_budget_can_be_set_on_a_pass_that_rests(acme, alice_client, bob, issued):
    issued(bob)
    passes.rest(bob)

    assert (
        "Playground, bob@acme.example"
        in alice_client.get("/o/acme/billing/budgets/new/").content.decode()
    )


def test_passes_are_not_among_the_keys_that_people_made(acme, bob, bob_client, issued):
    issued(bob)

    assert "Playground, bob" not in bob_client.get("/o/acme/keys/").content.decode()
    listed = bob_client.get("/api/v1/organizations/acme/keys").json()
    assert listed["results"] == []
    with scope(acme):
        assert projects_of(acme).get().key_count == 0
