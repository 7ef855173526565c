"""Is it fine? What the dashboard says, and to whom."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Chargeback, Invoice
from billing.services import credits, invoicing
from common.database import service
from marketplace.models import TokenClass
from tenants.models import Membership, Organization, Role
from tenants.scope import scope
from tenants.services import api_keys, organizations, passes
from tests.support.usage import NOON

PAGE = "/o/acme/"


@pytest.fixture
def give(acme):
    """Give Acme credit."""

    def give(quantity, **facts):
        facts = {"unit": "money", "source_key": f"test:{quantity}"} | facts
        with service():
            credits.grant(acme, quantity=Decimal(quantity), **facts)

    return give


@pytest.fixture
def overdue(acme):
    """An invoice of Acme's that was to be paid yesterday."""
    now = timezone.now()
    with service():
        issuer = invoicing.default_issuer()
        return Invoice.objects.create(
            organization=acme,
            issuer=issuer,
            kind=Invoice.Kind.USAGE,
            status=Invoice.Status.OPEN,
            number="T-2026-000001",
            period_start=now,
            currency="EUR",
            seller=issuer.snapshot("EUR"),
            buyer={"legal_name": "Acme", "address": "", "country": "FR", "vat_id": ""},
            net=120,
            tax_rate=0,
            tax=0,
            total=120,
            exact_net=120,
            issued_at=now,
            due_at=now - timedelta(days=1),
        )


@pytest.fixture
def just_now():
    """A moment ago: grants are measured by PostgreSQL's clock, which no test moves."""
    return timezone.now() - timedelta(minutes=16)


def dashboard(client):
    return client.get(PAGE).context["dashboard"]


def titles(client):
    return [one.title for one in dashboard(client).attention]


def text(response):
    return response.content.decode()


def test_a_new_organization_is_shown_the_first_steps(acme, alice_client):
    page = text(alice_client.get(PAGE))

    assert "On the way to the first call" in page
    assert "Choose a bundle" in page
    assert "dashboard-chart" not in page


def test_credit_bought_before_the_first_call_is_shown(acme, alice_client, give):
    give("12.5")

    assert "12.50" in text(alice_client.get(PAGE))


def test_the_numbers_are_those_of_the_last_day_and_of_the_month(
    acme, alice_client, give, used, clock
):
    used("1", parts={"input": 10, "output": 5}, occurred_at=NOON - timedelta(hours=1))
    used("2", parts={"input": 1}, occurred_at=NOON - timedelta(hours=30), ttft_ms=990)
    used("4", occurred_at=datetime(2026, 2, 28, 23, 59, tzinfo=UTC))

    found = dashboard(alice_client)

    assert found.last_day.total_tokens == 15
    assert found.last_day.mean_ttft_ms == 40
    assert found.finances.last_day.amount == Decimal(1)
    assert found.finances.this_month.amount == Decimal(3)


@pytest.mark.parametrize(
    ("spent", "days", "words"),
    [
        ("2", 4, "4 days at today's pace"),
        ("6", 0, "Less than a day at today's pace"),
        ("0.001", 9999, "More than a year at today's pace"),
    ],
)
def test_days_left_are_at_the_pace_of_the_last_day(
    acme, alice_client, give, used, just_now, spent, days, words
):
    give("10")
    used(spent, occurred_at=just_now)

    response = alice_client.get(PAGE)

    assert response.context["dashboard"].finances.days_left == days
    assert words in text(response)


def test_nothing_spent_lasts_for_no_number_of_days(acme, alice_client, give, used):
    give("10")
    used("1")

    response = alice_client.get(PAGE)

    assert response.context["dashboard"].finances.days_left is None
    assert "Nothing was spent in the last 24 hours" in text(response)


@pytest.mark.parametrize(("role", "is_shown"), [(Role.BILLING, True), (Role.VIEWER, False)])
def test_money_is_for_those_who_read_billing(acme, bob, bob_client, give, used, role, is_shown):
    give("10")
    used("0.01")
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    page = text(bob_client.get(PAGE))

    assert ("EUR" in page) is is_shown
    assert ("Balance" in page.split("<main", 1)[1]) is is_shown
    assert "Latest requests" in page


def test_all_is_well_when_nothing_waits(acme, alice_client, give, used):
    give("10")
    used("1")

    assert titles(alice_client) == []
    assert "All is well" in text(alice_client.get(PAGE))


def test_credit_that_is_used_up_is_the_worst(acme, bob_client, alice_client, give, used):
    give("1")
    used("1")

    for_alice, for_bob = dashboard(alice_client).attention[0], dashboard(bob_client).attention[0]

    assert (for_alice.tone, for_alice.title) == ("bad", "There is no credit left")
    assert (for_alice.action, for_bob.action) == ("Buy a bundle", "")


def test_little_credit_is_a_warning(acme, alice_client, give, used):
    give("10")
    used("9.5")

    assert titles(alice_client) == ["The credit runs low"]


def test_few_days_at_todays_pace_are_a_warning(acme, alice_client, give, used, just_now):
    give("10")
    used("4", occurred_at=just_now)

    assert titles(alice_client) == ["The credit runs low"]


def test_tokens_are_credit_too(acme, alice_client, give, used):
    with service():
        small = TokenClass.objects.create(code="small", name="Small models")
    give("5000000", unit="tokens", token_class=small)
    used("1")

    page = alice_client.get(PAGE)

    assert page.context["dashboard"].attention == []
    assert "Small models" in text(page)


@pytest.mark.parametrize(("days", "expected"), [(29, ["A credit expires soon"]), (31, [])])
def test_credit_that_ends_within_a_month_is_a_warning(
    acme, alice_client, give, used, days, expected
):
    give("10", expires_at=timezone.now() + timedelta(days=days))
    used("1")

    assert titles(alice_client) == expected


@pytest.mark.parametrize(("days", "expected"), [(29, ["A key expires soon"]), (31, [])])
def test_a_key_that_ends_within_a_month_is_a_warning(
    acme, alice, alice_client, give, used, days, expected
):
    give("10")
    used("1")
    with scope(acme):
        ends = timezone.now() + timedelta(days=days)
        api_keys.create(acme, name="nightly", by=alice, expires_at=ends)

    assert titles(alice_client) == expected


def test_a_pass_of_the_playground_is_no_key_that_ends(acme, alice, alice_client, give, used):
    give("10")
    used("1")
    with scope(acme):
        passes.issue(acme.memberships.get(user=alice), acme.projects.get())

    assert titles(alice_client) == []


def test_an_overdue_invoice_is_the_worst(acme, bob_client, alice_client, give, used, overdue):
    give("10")
    used("9.5")

    assert titles(alice_client) == ["An invoice is overdue", "The credit runs low"]
    assert titles(bob_client) == ["The credit runs low"]


def test_a_payment_that_a_bank_takes_back_is_a_warning(acme, alice_client, give, used, overdue):
    give("10")
    used("1")
    with service():
        Chargeback.objects.create(
            organization=acme,
            invoice=overdue,
            reference="du_1",
            status=Chargeback.Status.OPEN,
            amount=120,
            currency="EUR",
            fee_currency="EUR",
            opened_at=timezone.now(),
        )

    assert titles(alice_client) == ["An invoice is overdue", "Your bank is taking a payment back"]


def test_many_failures_are_a_warning(acme, alice_client, give, used, just_now):
    give("10")
    used("0.01", times=9, occurred_at=just_now)
    used("0.01", occurred_at=just_now, outcome="upstream_failed")

    assert titles(alice_client) == ["Many answers are not completed"]


def test_whoever_is_suspended_reads_why_and_whom_to_ask(acme, alice_client, bob_client, settings):
    settings.OPERATOR = {**settings.OPERATOR, "contact": "help@operator.example"}
    with service():
        organizations.suspend(acme, reason="Chargeback of <May>", by=None)

    for client in (alice_client, bob_client):
        page = client.get("/o/acme/").content.decode()
        assert "The operator&#x27;s reason: Chargeback of &lt;May&gt;." in page
        assert "help@operator.example" in page


def test_a_suspended_organization_is_told(acme, alice_client, give, used):
    give("10")
    used("1")
    with service():
        Organization.objects.update(status="suspended")

    assert titles(alice_client) == ["The organization is suspended"]


def test_an_open_page_hears_of_usage_and_of_credit(acme, alice_client, give, used):
    give("10")
    used("1")
    address = f"{PAGE}?seen={dashboard(alice_client).state}"
    quiet = alice_client.get(address, headers={"HX-Request": "true"})
    give("20")
    told = alice_client.get(address, headers={"HX-Request": "true"})

    assert quiet.status_code == 204
    assert told.status_code == 200
    assert "29.00" in text(told)
    assert "<html" not in text(told)


def test_the_page_asks_no_more_for_more_usage(acme, alice_client, give, used):
    give("10")
    used("0.01")
    alice_client.get(PAGE)
    with CaptureQueriesContext(connections["default"]) as few:
        alice_client.get(PAGE)
    used("0.01", times=60)
    with CaptureQueriesContext(connections["default"]) as many:
        alice_client.get(PAGE)

    assert len(many) == len(few) <= 15
