"""The operator's desk: who is let in, and what it shows of everybody."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from allauth.mfa.models import Authenticator
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from billing.models import SpendBucket
from common.database import service
from marketplace import demo
from marketplace.models import AIModel, Offer, Reachability, Upstream
from marketplace.services import pricing, publishing
from metering.models import UsageBucket
from portal import customers, desk
from tenants.models import Organization, User
from tenants.services import organizations
from tests.support.people import signed_in


@pytest.fixture(autouse=True)
def catalogue(db):
    demo.seed()


def staff_patterns(resolver=None, prefix=""):
    """Yield the route of every page of the desk."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if not isinstance(pattern, URLPattern):
            yield from staff_patterns(pattern, route)
        elif route.startswith("staff/"):
            yield route, pattern.callback


PAGES = dict(staff_patterns())
LISTS = sorted(route for route in PAGES if "<" not in route)


def address(route):
    filled = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), route)
    return "/" + re.sub(r"<(\w+:)?\w+>", "acme", filled)


@pytest.mark.parametrize("route", LISTS)
def test_staff_with_a_second_factor_see_the_desk(staff_client, acme, route):
    assert staff_client.get(address(route)).status_code in (200, 302)


@pytest.mark.parametrize("route", sorted(PAGES))
def test_to_customers_the_desk_does_not_exist(alice_client, route):
    statuses = {
        alice_client.get(address(route)).status_code,
        alice_client.post(address(route)).status_code,
    }

    assert statuses <= {404, 405}


@pytest.mark.parametrize("route", sorted(PAGES))
def test_strangers_are_asked_to_sign_in(client, route):
    response = client.get(address(route))

    assert response.status_code in (302, 405)


def test_customers_stand_with_their_balance(staff_client, acme):
    (customer,) = staff_client.get("/staff/customers/").context["customers"]

    assert customer.organization == acme
    assert (customer.balance.amount, customer.balance.currency) == (Decimal(0), acme.currency)


def test_customers_are_found_by_name(staff_client, acme):
    assert staff_client.get("/staff/customers/?q=ACM").context["customers"]
    assert staff_client.get("/staff/customers/?q=alice@acme").context["customers"]
    assert not staff_client.get("/staff/customers/?q=nobody%00").context["customers"]
    assert staff_client.get("/staff/customers/?page=zero").status_code == 200


def test_the_list_of_customers_asks_no_more_for_more_of_them(
    staff_client, acme, alice, django_assert_num_queries
):
    with service(), django_assert_num_queries(6, connection=connections["service"]):
        customers.customers(customers.organizations())

    organizations.found(name="Second", owner=alice, country="FR")

    with service(), django_assert_num_queries(6, connection=connections["service"]):
        assert len(customers.customers(customers.organizations())) == 2


def use(organization, *, requests=2, amount="0.5", offer_name="atlas-mini", at=None):
    """Let the organization have used something."""
    with service():
        facts = {
            "organization": organization,
            "project": organization.projects.get(),
            "offer_name": offer_name,
            "starts_at": at or timezone.now(),
            "requests": requests,
        }
        tokens = {"input": 10, "cached_input": 5, "output": 3, "reasoning": 1}
        counts = {f"{part}_tokens": count for part, count in tokens.items()}
        UsageBucket.objects.create(**facts, **counts, region="eu-paris")
        SpendBucket.objects.create(**facts, currency="EUR", amount=Decimal(amount))


def test_usage_and_balance_stand_beside_the_customer(staff_client, acme):
    use(acme)

    (customer,) = staff_client.get("/staff/customers/").context["customers"]

    assert (customer.requests, customer.tokens) == (2, 19)
    assert customer.worth.amount == Decimal("0.5")


def test_the_overview_compares_with_the_same_days_of_last_month(staff_client, acme, clock):
    use(acme, amount="3")
    use(acme, amount="2", at=timezone.now() - timedelta(days=30))
    use(acme, amount="5", at=timezone.now() - timedelta(days=20))

    with service():
        seen = desk.overview()

    # Noon of 15 March: of last month 13 February counts, 23 February does not.
    assert (seen.worth.now, seen.worth.before, seen.worth.share) == (3, 2, Decimal("0.5"))
    assert seen.last_month.amount == Decimal(7)
    assert (seen.use.requests.now, seen.use.tokens.now) == (2, 19)
    assert [(row.label, row.worth.amount) for row in seen.by_customer.top] == [("Acme", Decimal(3))]
    assert [(row.label, row.requests) for row in seen.by_model.top] == [("atlas-mini", 2)]
    assert len(seen.chart["rows"]) == 30


def test_a_long_month_is_not_compared_beyond_the_end_of_a_short_one(acme, clock):
    clock.move_to("2026-03-31T12:00:00Z")
    use(acme, amount="1", at=datetime(2026, 2, 28, 23, 45, tzinfo=UTC))
    use(acme, amount="1", at=datetime(2026, 3, 1, tzinfo=UTC))

    with service():
        seen = desk.overview()

    assert (seen.worth.now, seen.worth.before) == (1, 1)


def test_an_empty_house_compares_with_nothing(staff_client):
    page = staff_client.get("/staff/").content.decode()

    assert "nothing to compare with last month" in page
    assert "No usage yet this month." in page


def test_a_server_that_was_never_asked_has_not_answered(staff_client):
    before = staff_client.get("/staff/").content.decode()
    with service():
        Upstream.objects.update(reachability=Reachability.ANSWERS)
    after = staff_client.get("/staff/").content.decode()

    assert "1 server has not been asked yet" in before
    assert "All servers answered" not in before
    assert "All servers answered when they were last asked" in after


def test_what_waits_for_somebody_is_named(staff_client, acme):
    large = AIModel.objects.get(slug="atlas-large")
    with service():
        Upstream.objects.update(reachability=Reachability.SILENT)
        AIModel.objects.filter(slug="atlas-embed").update(status="draft")
        Organization.objects.update(status="suspended")
        publishing.deprecate(large, by=None, retires_at=timezone.now() + timedelta(days=3))
        pricing.change(
            Offer.objects.get(name="atlas-mini"),
            {"input": Decimal(1)},
            by=None,
            effective_from=timezone.now() + timedelta(days=1),
        )

    page = staff_client.get("/staff/").content.decode()

    assert "The server “Demo engine” does not answer in time." in page
    assert "“Atlas Large” retires on" in page
    assert "Drafts that customers do not see: 1" in page
    assert "Prices that change: 1" in page
    assert "Customers that are suspended: 1" in page


def test_the_overview_asks_no_more_for_more_usage(acme, alice):
    with service(), CaptureQueriesContext(connections["service"]) as before:
        desk.overview()
    use(acme)
    use(organizations.found(name="Second", owner=alice, country="FR"), offer_name="atlas-large")

    with service(), CaptureQueriesContext(connections["service"]) as after:
        desk.overview()

    assert len(after) == len(before) <= 15


def staff_without_a_factor(person):
    return signed_in(person("kim@operator.example", is_staff=True))


def test_staff_without_a_second_factor_are_told_why_and_come_back(person):
    client = staff_without_a_factor(person)

    response = client.get("/staff/customers/?q=a", follow=True)

    assert response.redirect_chain == [
        ("/staff/second-factor/?next=/staff/customers/%3Fq%3Da", 302)
    ]
    page = response.content.decode()
    assert "The operator's desk needs a second factor" in page
    assert "/accounts/2fa/webauthn/add/" in page
    assert "/staff/customers/?q=a" in page


def test_staff_who_have_a_second_factor_are_asked_to_use_it(person):
    client = staff_without_a_factor(person)
    Authenticator.objects.create(
        user=User.objects.get(email="kim@operator.example"), type=Authenticator.Type.TOTP, data={}
    )

    page = client.get("/staff/second-factor/?next=https://evil.example/").content.decode()

    assert "/accounts/2fa/reauthenticate/?next=/staff/" in page
    assert 'href="https://evil' not in page


def test_who_proved_it_is_led_on(staff_client):
    response = staff_client.get("/staff/second-factor/?next=/staff/models/")

    assert response.headers["Location"] == "/staff/models/"


def test_the_audit_log_shows_what_staff_did_and_on_demand_everybody(staff_client, acme):
    staff_client.post("/staff/customers/acme/status/", {"reason": "Unpaid", "status": "suspended"})

    ours = staff_client.get("/staff/audit/").context["rows"]
    everybody = staff_client.get("/staff/audit/?who=everybody").context["rows"]

    assert [row.entry.action for row in ours] == ["organization.suspended"]
    assert [row.entry.action for row in everybody] == [
        "organization.suspended",
        "organization.founded",
    ]


def test_the_audit_log_is_searched_and_paged(staff_client, acme, alice):
    for number in range(60):
        organizations.found(name=f"Number {number}", owner=alice, country="FR")

    first = staff_client.get("/staff/audit/?who=everybody&q=action:organization.founded")
    older = staff_client.get(f"/staff/audit/?who=everybody&before={first.context['older']}")

    assert (len(first.context["rows"]), len(older.context["rows"])) == (50, 11)
    assert older.context["older"] is None


def test_the_audit_log_of_one_customer(staff_client, acme, alice):
    organizations.found(name="Second", owner=alice, country="FR")

    rows = staff_client.get("/staff/audit/?who=everybody&customer=second").context["rows"]

    assert [row.entry.target_label for row in rows] == ["Second"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("q=created:never", 422), ("before=zero", 200), ("q=%00", 422), ("who=nobody", 200)],
)
def test_a_search_without_sense_is_answered_with_words(staff_client, query, status):
    assert staff_client.get(f"/staff/audit/?{query}").status_code == status


def test_a_chart_is_drawn_of_plain_numbers_in_every_language(staff_client, acme):
    use(acme, amount="1234.5")

    page = staff_client.get("/staff/", headers={"Accept-Language": "ar"}).content.decode()

    assert 'dir="rtl"' in page
    assert '<data value="1234.5' in page


@pytest.mark.parametrize(("address", "most"), [("/staff/", 20), ("/staff/servers/", 8)])
def test_pages_ask_few_questions(staff_client, acme, django_assert_max_num_queries, address, most):
    assert staff_client.get(address).status_code == 200
    with (
        django_assert_max_num_queries(most, using="service"),
        django_assert_max_num_queries(2),
    ):
        assert staff_client.get(address).status_code == 200
