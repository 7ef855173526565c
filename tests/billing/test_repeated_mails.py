"""Alerts that come again: each once to everybody, and each occasion anew."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import tasks
from billing.models import BudgetWindow
from billing.services import budgeting, top_ups
from common.database import service
from marketplace import demo
from marketplace.models import Bundle
from tenants import tasks as tenants_tasks
from tenants.models import Membership, Organization, Role
from tenants.scope import scope
from tests.support import mail_server

#: Called with it, a task that fails is not tried again by itself.
LAST = 8


@pytest.fixture
def server(settings):
    with mail_server.run(settings) as server:
        yield server


@pytest.fixture
def manages(acme, alice, bob):
    """Bob manages what Acme pays, as Alice does."""
    with service():
        Membership.objects.filter(user=bob).update(role=Role.ADMIN)


@pytest.fixture
def window(acme, alice):
    """A budget of 10 EUR in its present window."""
    now = timezone.now()
    with scope(acme):
        budget = budgeting.create(acme, name="Team", amount=Decimal(10), by=alice)
    with service():
        return BudgetWindow.objects.create(
            organization=acme,
            budget=budget,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(hours=1),
            spent=Decimal("8.10"),
        )


def run(task, task_id, **facts):
    return task.apply(kwargs=facts, task_id=task_id, retries=LAST, throw=False).state


def alert(window, task_id):
    facts = {"organization_id": str(window.organization_id), "window_id": str(window.pk)}
    return run(tasks.send_budget_alert, task_id, percent=80, **facts)


def test_who_got_an_alert_gets_it_no_more_whatever_is_spent_by_now(
    manages, window, alice, bob, server
):
    server.refused[bob.email] = 450
    states = [alert(window, "one")]
    server.refused.clear()
    with service():
        BudgetWindow.objects.update(spent=Decimal("8.20"))

    states.append(alert(window, "one"))

    assert states == ["FAILURE", "SUCCESS"]
    assert server.taken == [alice.email, bob.email]


def test_the_same_share_that_is_passed_again_is_told_to_all(manages, window, alice, bob, server):
    server.refused[bob.email] = 450
    alert(window, "one")
    server.refused.clear()

    alert(window, "two")

    assert sorted(server.taken) == sorted([alice.email, alice.email, bob.email])


def test_a_rule_that_cannot_buy_again_is_told_to_all(manages, acme, alice, bob, server):
    demo.seed()
    with service():
        bundle = Bundle.objects.filter(currency="EUR", grant_unit="money").first()
    terms = {"is_on": True, "below": Decimal(5), "monthly_cap": Decimal(1000)}
    with scope(acme):
        top_ups.set_rule(acme, by=alice, bundle=bundle, **terms)
    server.taken.clear()
    facts = {"organization_id": str(acme.pk), "reason": "cap", "order_id": ""}
    server.refused[bob.email] = 450
    run(tasks.send_top_up_alert, "one", **facts)
    server.refused.clear()

    run(tasks.send_top_up_alert, "two", **facts)

    assert sorted(server.taken) == sorted([alice.email, alice.email, bob.email])


def test_who_is_shut_out_again_for_the_same_is_told_again(manages, acme, alice, bob, server):
    with service():
        Organization.objects.filter(pk=acme.pk).update(status=Organization.Status.SUSPENDED)
    facts = {"organization_id": str(acme.pk), "reason": "abuse"}
    server.refused[bob.email] = 450
    run(tenants_tasks.tell_status, "one", **facts)
    server.refused.clear()

    run(tenants_tasks.tell_status, "two", **facts)

    assert sorted(server.taken) == sorted([alice.email, alice.email, bob.email])
