"""The operator's desk: who is let in, and what it shows of everybody."""

import re
import uuid
from decimal import Decimal

import pytest
from django.db import connections
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from billing.models import SpendBucket
from common.database import service
from marketplace import demo
from metering.models import UsageBucket
from portal import desk
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
    assert not staff_client.get("/staff/customers/?q=nobody%00").context["customers"]
    assert staff_client.get("/staff/customers/?page=zero").status_code == 200


def test_the_list_of_customers_asks_no_more_for_more_of_them(
    staff_client, acme, alice, django_assert_num_queries
):
    page = desk.organizations()
    with service(), django_assert_num_queries(5, connection=connections["service"]):
        desk.customers(page)

    organizations.found(name="Second", owner=alice, country="FR")

    with service(), django_assert_num_queries(5, connection=connections["service"]):
        assert len(desk.customers(desk.organizations())) == 2


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


def test_staff_without_a_second_factor_are_sent_to_prove_one(person):
    client = signed_in(person("sam@operator.example", is_staff=True))

    response = client.get("/staff/customers/?q=a")

    assert response.status_code == 302
    assert response.headers["Location"].endswith("?next=/staff/customers/%3Fq%3Da")
