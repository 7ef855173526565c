"""The public pages."""

import pytest

from common.database import service
from marketplace import demo
from marketplace.models import AIModel
from marketplace.services import publishing


@pytest.fixture(autouse=True)
def catalogue(db):
    demo.seed()


def names(response):
    return [entry.api_name for entry in response.context["offers"]]


def test_the_catalogue_shows_what_is_on_sale(client):
    response = client.get("/models/")

    assert response.status_code == 200
    assert names(response) == ["atlas-embed", "atlas-large", "atlas-mini", "atlas-reason"]


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
    assert len(names(response)) == 4
    assert b"field-errors" in response.content


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
    ]


def test_a_retired_model_is_gone(client):
    with service():
        publishing.retire(AIModel.objects.get(slug="atlas-mini"), by=None)

    assert client.get("/models/atlas-mini/").status_code == 404
    assert "atlas-mini" not in names(client.get("/models/"))


def test_prices_and_bundles_are_public(client):
    response = client.get("/pricing/")

    assert response.status_code == 200
    assert [bundle.slug for bundle in response.context["bundles"]] == [
        "tokens-10m",
        "starter",
        "growth",
    ]


def test_the_landing_page_shows_live_prices(client):
    assert len(names(client.get("/"))) == 4
