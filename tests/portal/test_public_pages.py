"""What a stranger sees: the landing page, the state of the service, the terms."""

from decimal import Decimal

import pytest

from billing.models import Issuer
from common.database import service
from common.money import Money
from marketplace import demo
from marketplace.models import AIModel, Offer
from marketplace.services import books as booking
from marketplace.services import pricing


@pytest.fixture
def catalogue(db):
    demo.seed()


def test_the_landing_page_reckons_with_todays_prices(catalogue, client):
    with service():
        mini = Offer.objects.get(name="atlas-mini")
        pricing.change(mini, {"input": Decimal("0.50"), "output": Decimal(1)}, by=None)

    context = client.get("/").context

    assert context["receipt"].cost == Money(Decimal("0.000192"), "EUR")
    assert context["cheapest"] == Money(Decimal("0.05"), "EUR")
    assert (context["model_count"], [region.name for region in context["regions"]]) == (
        5,
        ["Paris"],
    )
    assert '"model": "atlas-mini"' in context["snippets"][0].code


def test_customers_read_their_own_prices_on_the_landing_page_and_whose_they_are(
    catalogue, client, acme, alice_client
):
    unit = {"model": "per_unit", "unit_amount": "0.00000001"}
    with service():
        book = booking.create(code="acme", name="Acme", currency="EUR", by=None, organization=acme)
        mini = Offer.objects.get(name="atlas-mini")
        version = booking.draft(book, by=None)
        prices = {(part, "standard"): unit for part in ("input", "output")}
        booking.put(version, mini, prices)
        booking.publish(version, by=None)

    mine, everybodys = alice_client.get("/"), client.get("/")

    assert shown(mine)["atlas-mini"] == Money(Decimal("0.01"), "EUR")
    assert mine.context["cheapest"] == Money(Decimal("0.01"), "EUR")
    assert "These are the prices of Acme." in mine.content.decode()
    assert shown(everybodys)["atlas-mini"] == Money(Decimal("0.15"), "EUR")
    assert everybodys.context["payer"] is None


def shown(response):
    return {it.api_name: it.input_price for it in response.context["offers"]}


def test_the_landing_page_stands_before_anything_is_on_sale(client, db):
    page = client.get("/").content.decode()

    assert "No prices are published yet" in page
    assert "And its receipt" not in page


def test_the_landing_page_asks_no_more_for_more_models(
    catalogue, client, django_assert_num_queries
):
    client.get("/models/")
    with django_assert_num_queries(2):
        client.get("/")


def test_prices_and_bundles_ask_no_more_for_more_of_them(
    catalogue, client, django_assert_max_num_queries
):
    client.get("/models/")
    with django_assert_max_num_queries(11):
        client.get("/pricing/")


def test_the_calculator_begins_with_a_model_that_answers(catalogue, client):
    assert client.get("/pricing/").context["typical"].output is not None


def test_nothing_on_a_public_page_comes_from_elsewhere(catalogue, client):
    for address in ("/", "/models/", "/models/atlas-mini/", "/pricing/"):
        response = client.get(address)
        policy = response.headers["Content-Security-Policy"]

        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert b" style=" not in response.content
        assert b" onclick=" not in response.content


def test_a_licences_address_of_another_kind_is_never_a_link(catalogue, client):
    # Forms refuse it; whoever wrote it into the table otherwise gains nothing either.
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(licence_url="javascript:alert(1)")

    page = client.get("/models/atlas-mini/").content.decode()

    assert 'href="javascript:' not in page


def test_the_service_says_in_words_that_it_works(client, db):
    response = client.get("/status/")

    assert response.status_code == 200
    assert "All parts answer" in response.content.decode()


def test_the_service_says_in_words_which_part_is_away(client, db, settings):
    location = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": location}}

    response = client.get("/status/")

    page = response.content.decode()
    assert response.status_code == 503
    assert "A part does not answer" in page
    assert page.count("does not answer") == 2


@pytest.mark.parametrize("address", ["/terms/", "/privacy/"])
def test_who_sells_is_named(client, db, address):
    with service():
        Issuer.objects.update(legal_name="Steppe Telecom JSC")

    assert "Steppe Telecom JSC" in client.get(address).content.decode()


def test_search_engines_are_told_what_is_for_everybody(client, db):
    response = client.get("/robots.txt")

    lines = response.content.decode().splitlines()
    assert response.headers["Content-Type"] == "text/plain"
    assert {"Disallow: /o/", "Disallow: /staff/", "Disallow: /api/", "Allow: /"} < set(lines)


def test_an_icon_is_found_at_the_address_of_old(client, db):
    assert client.get("/favicon.ico")["Location"].endswith("img/logo.svg")
