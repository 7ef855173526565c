"""The public pages."""

import json
import re
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from common.database import service
from marketplace.models import AIModel, Offer
from marketplace.services import pricing, publishing
from tenants.services import organizations

pytestmark = pytest.mark.usefixtures("catalogue")


def names(response):
    return [entry.api_name for entry in response.context["offers"]]


def test_the_catalogue_shows_what_is_on_sale(client):
    response = client.get("/models/")

    assert response.status_code == 200
    assert names(response) == [
        "atlas-embed",
        "atlas-large",
        "atlas-mini",
        "atlas-reason",
        "atlas-rerank",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=embedding", ["atlas-embed"]),
        ("features=vision", ["atlas-large"]),
        ("features=tools&features=reasoning", ["atlas-reason"]),
        ("context=128000", ["atlas-large", "atlas-reason"]),
        ("q=frugal", ["atlas-mini"]),
        ("region=eu-paris&kind=chat&sort=price", ["atlas-mini", "atlas-large", "atlas-reason"]),
        ("q=nothing-like-it", []),
        ("q=ATLAS+prices", []),
        ("language=kk", ["atlas-embed", "atlas-large", "atlas-rerank"]),
        ("modality=image", ["atlas-large"]),
        ("price=0.10", ["atlas-embed", "atlas-rerank"]),
        ("price=0.50&kind=chat", ["atlas-mini"]),
        (
            "licence=Apache-2.0&publisher=atlas&context=32000&sort=context",
            ["atlas-large", "atlas-reason", "atlas-mini"],
        ),
    ],
)
def test_filters_stand_in_the_address(client, query, found):
    assert names(client.get(f"/models/?{query}")) == found


@pytest.mark.parametrize(
    "query", ["kind=spaceship", "region=%00", "context=many", "sort=;drop", "q=" + "x" * 5000]
)
def test_a_filter_without_sense_is_named_and_hides_nothing(client, query):
    response = client.get(f"/models/?{query}")

    assert response.status_code == 200
    assert len(names(response)) == 5
    assert b"field-errors" in response.content


def test_each_condition_can_be_taken_away(client):
    response = client.get("/models/?kind=chat&features=tools&features=vision&q=&sort=price")

    assert [(it.words, it.address_without) for it in response.context["conditions"]] == [
        ("Kind: Chat", "?features=tools&features=vision&sort=price"),
        ("Features: Tools", "?kind=chat&features=vision&sort=price"),
        ("Features: Vision", "?kind=chat&features=tools&sort=price"),
    ]


def test_when_nothing_fits_the_nearest_are_shown_with_what_they_lack(client):
    response = client.get("/models/?features=vision&features=reasoning&kind=chat")

    near = [(it.entry.api_name, [c.words for c in it.unmet]) for it in response.context["nearest"]]
    assert near[:2] == [
        ("atlas-large", ["Features: Reasoning"]),
        ("atlas-reason", ["Features: Vision"]),
    ]
    assert b"These come nearest" in response.content


def test_a_mistyped_name_leads_to_the_one_it_resembles(client):
    nearest = client.get("/models/?q=atlas+reasn").context["nearest"]

    assert nearest[0].entry.api_name == "atlas-reason"


def test_what_is_searched_for_stays_text(client):
    page = client.get("/models/", {"q": "<script>alert(1)</script>"}).content.decode()

    assert "<script>alert(1)" not in page


def test_the_catalogue_asks_no_more_for_more_models(client, django_assert_num_queries):
    client.get("/models/")
    with django_assert_num_queries(2):
        client.get("/models/?kind=chat&features=vision")


def test_htmx_gets_the_list_alone(client):
    response = client.get("/models/", headers={"HX-Request": "true"})

    assert response.content.strip().startswith(b'<section id="offer-list"')
    assert "HX-Request" in response.headers["Vary"]


def test_a_model_shows_its_price_and_how_to_call_it(client):
    response = client.get("/models/atlas-mini/")

    assert response.status_code == 200
    assert b'value="0.150000"' in response.content or b"0.15" in response.content
    assert [snippet.name for snippet in response.context["snippets"]] == [
        "curl",
        "python",
        "javascript",
        "langchain",
    ]


def test_a_stranger_is_led_to_sign_up_for_a_key(client):
    page = client.get("/models/atlas-mini/").content.decode()

    assert "/accounts/signup/" in page
    assert "/keys/new/" not in page


def test_a_reader_is_led_to_the_keys_of_their_organization(alice_client, bob_client):
    assert 'href="/o/acme/keys/new/"' in alice_client.get("/models/atlas-mini/").content.decode()
    assert 'href="/o/acme/keys/new/"' in bob_client.get("/models/atlas-mini/").content.decode()


def test_a_reader_of_several_organizations_chooses_one(alice_client, alice):
    organizations.found(name="Second", owner=alice, country="FR")

    page = alice_client.get("/models/atlas-mini/").content.decode()

    assert 'href="/o/acme/keys/new/"' in page
    assert 'href="/o/second/keys/new/"' in page


def test_a_reader_who_may_make_no_keys_is_led_to_the_console(charlie_client):
    page = charlie_client.get("/models/atlas-mini/").content.decode()

    assert "/keys/new/" not in page
    assert "Go to your console" in page


def test_a_retired_model_is_gone(client):
    with service():
        publishing.retire(AIModel.objects.get(slug="atlas-mini"), by=None, reason="Recalled")

    page = client.get("/models/atlas-mini/")
    assert (page.status_code, "This model was retired on" in page.content.decode()) == (410, True)
    assert "atlas-mini" not in names(client.get("/models/"))
    assert client.get("/models/there-never-was/").status_code == 404


def test_the_page_of_a_retired_model_leads_to_what_replaces_it(client):
    mini, large = (AIModel.objects.get(slug=it) for it in ("atlas-mini", "atlas-large"))
    with service():
        publishing.deprecate(mini, by=None, replaced_by=large)
        publishing.retire(mini, by=None, reason="Recalled")

    page = client.get("/models/atlas-mini/").content.decode()

    assert "/models/atlas-large/" in page


def test_a_model_that_was_never_on_sale_does_not_exist(client):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(status="draft", published_at=None)

    assert client.get("/models/atlas-mini/").status_code == 404


@pytest.mark.parametrize("address", ["/pricing/", "/models/atlas-mini/"])
def test_a_price_that_is_set_for_a_day_is_told_before_it_holds(client, address):
    before = client.get(address).content.decode()
    day = timezone.now() + timedelta(days=20)
    with service():
        offer = Offer.objects.get(name="atlas-mini")
        pricing.change(offer, {"input": Decimal("7.77")}, by=None, effective_from=day)

    page = client.get(address).content.decode()

    assert "Prices change" not in before
    assert "Prices change" in page
    assert "7.77" in page
    assert f"{day.astimezone(UTC):%B %Y}" in page


def test_a_bundle_says_its_price_with_and_without_tax(client):
    page = client.get("/pricing/").content.decode()

    assert "excluding tax" in page
    assert "24.00" in page


def test_prices_and_bundles_are_public(client):
    response = client.get("/pricing/")

    assert response.status_code == 200
    assert [sold.bundle.slug for sold in response.context["bundles"]] == [
        "tokens-10m",
        "starter",
        "growth",
    ]


def test_the_landing_page_shows_live_prices(client):
    assert len(names(client.get("/"))) == 5


def test_the_calls_are_code_that_can_be_run(client):
    code = {it.name: it.code for it in client.get("/models/atlas-mini/").context["snippets"]}

    body = code["curl"].split("-d '")[1].rstrip("'")
    assert json.loads(body)["model"] == "atlas-mini"
    compile(code["python"], "snippet.py", "exec")


@pytest.mark.parametrize("address", ["/pricing/", "/models/atlas-mini/"])
def test_the_pages_of_prices_say_what_batches_cost(client, address):
    page = client.get(address).content.decode()

    item = page.split('<li data-batch="atlas-mini">')[1].split("</li>")[0]
    assert re.findall(r">([\d.]+)\s", item) == ["0.075", "0.30"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("", ("", "Name")),
        ("?q=atlas", ("", "Best match")),
        ("?q=%20", ("", "Name")),
        ("?sort=name", ("name", "Name")),
    ],
)
def test_what_fits_best_comes_first_only_where_something_is_looked_for(client, query, first):
    page = client.get(f"/models/{query}")

    choices = [(value, str(label)) for value, label in page.context["form"].fields["sort"].choices]
    assert choices[0] == first
    assert [label for _value, label in choices].count("Name") == 1
    assert page.context["form"].is_valid()


@pytest.fixture
def two_a_page(monkeypatch):
    """Let a page hold two models, so that five make three pages."""
    monkeypatch.setattr("marketplace.views.catalogue.MODELS_A_PAGE", 2)
    monkeypatch.setattr("marketplace.views.catalogue.PRICES_A_PAGE", 2)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["atlas-embed", "atlas-large"]),
        ("page=2", ["atlas-mini", "atlas-reason"]),
        ("page=3", ["atlas-rerank"]),
        ("page=99", ["atlas-rerank"]),
        ("page=0", ["atlas-embed", "atlas-large"]),
        ("page=-1", ["atlas-embed", "atlas-large"]),
        ("page=two", ["atlas-embed", "atlas-large"]),
        ("kind=chat&sort=price&page=2", ["atlas-reason"]),
    ],
)
def test_a_page_shows_so_many_models_and_a_wrong_number_leads_to_the_nearest(
    client, two_a_page, query, shown
):
    response = client.get(f"/models/?{query}")

    assert names(response) == shown
    assert response.content.decode().count('class="offer-card"') == len(shown)


def test_turning_a_page_keeps_the_filters_and_taking_one_away_begins_anew(client, two_a_page):
    html = client.get("/models/?kind=chat&sort=price&page=2").content.decode()

    assert 'href="?kind=chat&amp;sort=price&amp;page=1"' in html
    assert 'href="/models/?sort=price"' in html
    assert "3 of 5 models" in html


def test_prices_come_in_pages_and_the_calculator_keeps_the_model_of_another(client, two_a_page):
    response = client.get("/pricing/?page=2&offer=atlas-large")
    proposed = [key for key, _name in response.context["calculator"].form.fields["offer"].choices]

    assert names(response) == ["atlas-mini", "atlas-reason"]
    assert response.context["calculator"].entry.api_name == "atlas-large"
    assert proposed == ["atlas-large", "atlas-mini", "atlas-reason"]


def test_the_landing_page_shows_a_few_models_and_leads_to_all(client, monkeypatch):
    monkeypatch.setattr("portal.views.public.MOST_OFFERS", 2)
    response = client.get("/")

    assert names(response) == ["atlas-large", "atlas-mini"]
    assert response.context["model_count"] == 5
    assert response.context["is_cut"]
