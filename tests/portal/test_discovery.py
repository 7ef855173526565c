"""What search engines and social networks find of the public pages."""

import io
import re
import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest
from PIL import Image

from common.database import service
from front.services import site
from marketplace import demo
from marketplace.models import AIModel, Offer
from marketplace.services import pricing

LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


@pytest.fixture
def catalogue(db):
    demo.seed()


def listed(client):
    return [it.text for it in ET.fromstring(client.get("/sitemap.xml").content).iter(LOC)]  # noqa: S314


def test_every_listed_page_is_there_and_names_its_one_address(catalogue, client, settings):
    addresses = listed(client)

    assert len(addresses) == len(set(addresses)) > 8
    for address in addresses:
        path = address.removeprefix(settings.PUBLIC_URL)
        page = client.get(path)
        assert page.status_code == 200
        assert f'<link rel="canonical" href="{address}">' in page.content.decode()


def test_only_models_that_everybody_may_see_are_listed_and_drawn(catalogue, client):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(status="draft")

    assert not any("atlas-mini" in address for address in listed(client))
    assert client.get("/social/models/atlas-mini.png").status_code == 404
    assert client.get("/social/models/nothing.png").status_code == 404


def test_robots_are_led_to_the_map(client, db, settings):
    lines = client.get("/robots.txt").content.decode().splitlines()

    assert f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml" in lines


@pytest.mark.parametrize("address", ["/", "/models/atlas-mini/", "/pricing/", "/status/"])
def test_a_link_to_a_page_has_a_title_words_and_a_picture_of_ours(
    catalogue, client, settings, address
):
    page = client.get(address).content.decode()
    found = dict(re.findall(r'<meta property="(og:\w+)"\s+content="([^"]+)"', page))

    picture = found["og:image"].removeprefix(settings.PUBLIC_URL)
    drawn = Image.open(io.BytesIO(client.get(picture).content))
    assert found["og:title"]
    assert found["og:description"]
    assert page.count('name="description"') == 1
    assert (drawn.format, drawn.size) == ("PNG", (1200, 630))


def test_a_models_picture_is_another_than_the_sites_and_follows_its_price(catalogue, client):
    before = client.get("/social/models/atlas-mini.png").content
    again = client.get("/social/models/atlas-mini.png").content
    with service():
        mini = Offer.objects.get(name="atlas-mini")
        pricing.change(mini, {"input": Decimal("0.50"), "output": Decimal(1)}, by=None)

    after = client.get("/social/models/atlas-mini.png").content

    assert before == again
    assert len({before, after, client.get("/social/site.png").content}) == 3


@pytest.mark.parametrize("name", ["Казахтелеком", "Қазақтелеком", "اتصالات السهوب", "S" * 60])
def test_a_name_in_any_script_is_drawn(db, person, client, name):
    staff = person("kim@operator.example", is_staff=True)
    before = client.get("/social/site.png").content
    with service():
        site.publish(site.draft({"name": name}, by=staff), by=staff)

    assert client.get("/social/site.png").content != before


def test_pages_for_members_alone_name_no_address_for_search_engines(alice_client):
    assert "canonical" not in alice_client.get("/o/acme/").content.decode()
