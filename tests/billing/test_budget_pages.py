"""Budgets on their pages, over the API, and in the mail."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import Budget, BudgetWindow
from billing.services import budgeting
from common.database import service
from common.ids import uuid7
from tenants.models import AuditEntry, Membership, Role
from tenants.scope import scope
from tenants.services import api_keys

PAGES, API = "/o/acme/billing/budgets/", "/api/v1/organizations/acme/budgets"
JSON = "application/json"
FORM = {"name": "Team", "amount": "10", "window": "month", "is_hard": "True", "thresholds": ["50"]}


@pytest.fixture
def budget(acme, alice):
    """A monthly budget of 10 €."""
    with scope(acme):
        return budgeting.create(acme, name="Team", amount=Decimal(10), by=alice)


def the(model, **facts):
    """Return the one row."""
    with service():
        return model.objects.get(**facts)


def test_a_budget_is_made_shown_changed_and_deleted(acme, alice_client):
    made = alice_client.post(PAGES + "new/", FORM, follow=True).content.decode()
    page = f"{PAGES}{the(Budget).pk}/"
    changed = alice_client.post(page, FORM | {"amount": "20", "is_hard": "False"}, follow=True)
    gone = alice_client.post(page + "delete/", follow=True).content.decode()

    assert "“Team” is made." in made
    assert "Requests stop" in made
    assert "You are told" in changed.content.decode()
    assert "No budgets yet" in gone
    with service():
        acts = list(AuditEntry.objects.filter(action__startswith="budget.").order_by("id"))
    assert [act.action for act in acts] == ["budget.created", "budget.changed", "budget.closed"]
    assert acts[1].before == {"amount": "10.000000000000", "is_hard": True}


def test_two_clicks_make_one_budget(acme, alice_client):
    form = alice_client.get(PAGES + "new/").context["form"]
    facts = FORM | {"budget_id": str(form["budget_id"].value())}

    for _click in range(2):
        alice_client.post(PAGES + "new/", facts)

    the(Budget)


def test_days_are_those_of_the_organizations_clocks(acme, alice_client):
    with service():
        type(acme).objects.update(time_zone="Europe/Paris")
    days = {"window": "fixed", "first_day": "2026-07-01", "last_day": "2026-07-31"}

    alice_client.post(PAGES + "new/", FORM | days)

    budget = the(Budget)
    assert budget.starts_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert budget.ends_at == datetime(2026, 7, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"amount": "0"}, "greater than or equal to 0.001"),
        ({"amount": "0.005"}, "EUR has 2 decimals at most."),
        ({"amount": "much"}, "Write a number with a point"),
        ({"window": "fixed"}, "Choose a day."),
        (
            {"window": "fixed", "first_day": "2026-07-02", "last_day": "2026-07-01"},
            "It ends before it begins.",
        ),
        (
            {"window": "fixed", "first_day": "2026-07-02", "last_day": "9999-12-31"},
            "less than or equal to 2200",
        ),
        ({"of": f"key:{uuid7()}"}, "Select a valid choice"),
    ],
)
def test_a_wrong_budget_is_refused_with_a_sentence(acme, alice_client, facts, sentence):
    refused = alice_client.post(PAGES + "new/", FORM | facts)

    assert refused.status_code == 422
    assert sentence in refused.content.decode()
    with service():
        assert not Budget.objects.exists()


@pytest.mark.parametrize(
    ("role", "reads", "manages"),
    [
        (Role.ADMIN, 200, 201),
        (Role.BILLING, 200, 201),
        (Role.AUDITOR, 200, 403),
        (Role.DEVELOPER, 403, 403),
        (Role.VIEWER, 403, 403),
    ],
)
def test_who_sees_money_sees_budgets_and_who_manages_it_makes_them(
    acme, bob, bob_client, role, reads, manages
):
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    made = bob_client.post(API, {"name": "b", "amount": "1"}, content_type=JSON)

    assert bob_client.get(PAGES).status_code == bob_client.get(API).status_code == reads
    assert made.status_code == manages
    assert (bob_client.get(PAGES + "new/").status_code == 200) == (manages == 201)


def test_a_budget_of_another_organization_does_not_exist(acme, budget, charlie, charlie_client):
    from_outside = charlie_client.post(f"{PAGES}{budget.pk}/delete/")

    assert from_outside.status_code == 404
    assert the(Budget).closed_at is None


def test_the_api_makes_changes_and_closes_a_budget(acme, alice, alice_client):
    with scope(acme):
        key = api_keys.create(acme, name="ci", by=alice).api_key
    facts = {"name": "ci", "amount": "2.5", "window": "day", "api_key_id": str(key.pk)}

    made = alice_client.post(API, facts, content_type=JSON).json()
    address = f"{API}/{made['id']}"
    changed = alice_client.patch(address, {"amount": "3"}, content_type=JSON).json()
    listed = alice_client.get(API).json()["results"]
    gone = alice_client.delete(address)

    assert (made["spent"], made["left"], made["window"]) == ("0", "2.5", "day")
    assert (changed["amount"], changed["name"]) == ("3", "ci")
    assert [row["api_key_id"] for row in listed] == [str(key.pk)]
    assert gone.status_code == 204
    assert alice_client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"window": "fixed"}, "ends_at"),
        (
            {
                "window": "fixed",
                "starts_at": "2026-01-01T00:00:00Z",
                "ends_at": "9999-12-31T23:59:59Z",
            },
            "ends_at",
        ),
        ({"starts_at": "2026-01-01T00:00:00Z"}, "starts_at"),
        ({"thresholds": [0]}, "thresholds"),
        ({"api_key_id": str(uuid7()), "project_id": str(uuid7())}, "api_key_id"),
    ],
)
def test_the_api_names_the_field_that_is_wrong(acme, alice_client, facts, field):
    refused = alice_client.post(API, {"name": "b", "amount": "1"} | facts, content_type=JSON)

    assert refused.status_code == 400
    assert field in refused.json()["field_errors"]


def test_a_budget_of_another_organizations_key_cannot_be_made(acme, alice_client):
    facts = {"name": "b", "amount": "1", "api_key_id": str(uuid7())}

    assert alice_client.post(API, facts, content_type=JSON).status_code == 404


@pytest.fixture
def spend(acme, budget):
    """Say that so much of the budget is spent in its present window."""

    def spend(amount):
        now = timezone.now()
        facts = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1)}
        with service():
            BudgetWindow.objects.update_or_create(
                organization=acme, budget=budget, defaults={"spent": Decimal(amount), **facts}
            )

    return spend


def test_each_share_that_is_passed_is_told_once(acme, budget, spend, bob):
    told = []
    for amount in ("4.99", "5", "6", "9.99", "12"):
        spend(amount)
        told.append(budgeting.tell_crossings() + budgeting.tell_crossings())

    assert told == [0, 1, 0, 1, 1]
    assert [message.to for message in mail.outbox] == [["alice@acme.example"]] * 3
    assert "80 % of the budget “Team” is spent" in mail.outbox[1].subject
    assert "9.99 EUR of 10.00 EUR" in mail.outbox[1].body
    assert PAGES in mail.outbox[1].body
    with service():
        acts = AuditEntry.objects.filter(action="budget.reached").order_by("id")
        assert [act.after["per_cent"] for act in acts] == [50, 80, 100]


def test_a_budget_that_was_raised_tells_again(acme, alice, budget, spend):
    spend("10")
    budgeting.tell_crossings()
    with scope(acme):
        budgeting.change(budget, by=alice, amount=Decimal(20))
    budgeting.tell_crossings()
    spend("16")

    assert budgeting.tell_crossings() == 1

    assert "80 %" in mail.outbox[-1].subject


def test_a_key_shows_the_budgets_that_count_it(acme, alice, budget, alice_client):
    with scope(acme):
        key = api_keys.create(acme, name="ci", by=alice).api_key

    page = alice_client.get(f"/o/acme/keys/{key.pk}/").content.decode()

    assert "Budgets that count its usage" in page
    assert 'aria-label="Team"' in page
    assert "&lt;data" not in page
