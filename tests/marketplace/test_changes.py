"""What changed in the catalogue: as a feed for everybody, and told to customers' own systems."""

import ipaddress
import re
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from lxml import etree

from common.database import service
from marketplace import tasks
from marketplace.models import AIModel, ModelVersion, Offer, PriceBook
from marketplace.services import pricing, publishing
from tenants.models import WebhookEvent
from tenants.scope import scope
from tenants.services import organizations, webhooks
from tests.support.receivers import receiving

pytestmark = pytest.mark.usefixtures("catalogue")
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
FEED = "/models/changes.atom"
ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def entries(client, **headers):
    feed = etree.fromstring(client.get(FEED, headers=headers).content)
    return feed.findall(f"{ATOM}entry")


def titles(client, **headers):
    return [it.findtext(f"{ATOM}title") for it in entries(client, **headers)]


def ids(client):
    return [it.findtext(f"{ATOM}id") for it in entries(client)]


def model(slug="atlas-mini"):
    return AIModel.objects.get(slug=slug)


def deprecate(slug="atlas-mini", days=40):
    day = timezone.now() + timedelta(days=days)
    with service():
        publishing.deprecate(model(slug), by=None, retires_at=day, replaced_by=model("atlas-large"))
    return day


def raise_price(days=10, amount="0.33"):
    day = timezone.now() + timedelta(days=days)
    with service():
        offer = Offer.objects.get(name="atlas-mini")
        pricing.change(offer, {"input": Decimal(amount)}, by=None, effective_from=day)
    return day


@pytest.fixture
def receiver(settings):
    """A server of Acme's, in a network that the operator allows."""
    settings.OUTSIDE_NETWORKS = LOOPBACK
    with receiving() as server:
        yield server


@pytest.fixture
def endpoint(acme, alice, receiver):
    """Acme's system, which is told of everything."""
    with scope(acme):
        return webhooks.create(acme, url=receiver.url, by=alice)


def told():
    with service():
        return [(it.type, it.data) for it in WebhookEvent.objects.order_by("occurred_at")]


def test_the_feed_has_what_atom_demands(client):
    raise_price()
    response = client.get(FEED)

    feed = etree.fromstring(response.content)
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert feed.findtext(f"{ATOM}id").startswith("tag:")
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert MOMENT.fullmatch(feed.findtext(f"{ATOM}updated"))
    assert {link.get("rel") for link in feed.findall(f"{ATOM}link")} == {"self", "alternate"}
    for entry in entries(client):
        assert entry.findtext(f"{ATOM}title")
        assert MOMENT.fullmatch(entry.findtext(f"{ATOM}updated"))
        assert entry.find(f"{ATOM}link").get("href").startswith("http")


def test_ids_are_unique_and_stay(client):
    before = ids(client)
    raise_price()
    deprecate("atlas-reason")

    after = ids(client)

    assert len(set(after)) == len(after) == 7
    assert [it for it in after if it in before] == before


def test_new_models_stand_in_it(client):
    assert sorted(titles(client))[:2] == ["New: Atlas Embed", "New: Atlas Large"]


def test_prices_that_will_change_stand_in_it_before_they_hold(client):
    day = raise_price()

    first = entries(client)[0]

    assert first.findtext(f"{ATOM}title") == f"Prices of Atlas Mini from {day.day} {day:%B %Y}"
    words = first.findtext(f"{ATOM}summary")
    assert "Input: 0.33 EUR per 1 M tokens, before 0.15." in words
    assert "0.165 EUR per 1 M tokens, before 0.075" in words


def test_a_price_for_somebody_is_nobody_elses(client, acme):
    before = titles(client)
    with service():
        book = PriceBook.objects.create(
            code="acme", name="Acme", currency="EUR", is_default=False, organization=acme
        )
        offer = Offer.objects.get(name="atlas-mini")
        both = {"input": Decimal(1), "output": Decimal(1)}
        pricing.change(offer, both, by=None, book=book)
        pricing.change(offer, {"input": Decimal(2)}, by=None, book=book)

    assert titles(client) == before


def test_what_goes_and_what_is_gone_stands_in_it(client):
    day = deprecate()
    assert titles(client)[0] == f"Atlas Mini retires on {day.day} {day:%B %Y}"
    with service():
        publishing.retire(model(), by=None, reason="Recalled")

    first = entries(client)[0]

    assert first.findtext(f"{ATOM}title").startswith("Atlas Mini was retired on")
    assert first.findtext(f"{ATOM}summary") == "Use Atlas Large instead."


def test_a_new_version_stands_in_it_once_it_is_sold(client):
    with service():
        version = ModelVersion.objects.create(model=model(), label="2.0")
        assert "New version of Atlas Mini: 2.0" not in titles(client)
        Offer.objects.filter(name="atlas-mini").update(model_version=version)

    assert "New version of Atlas Mini: 2.0" in titles(client)


def test_drafts_and_private_models_do_not_stand_in_it(client, acme):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(owner=acme)
        AIModel.objects.filter(slug="atlas-large").update(status="draft", published_at=None)

    assert sorted(titles(client)) == [
        "New: Atlas Embed",
        "New: Atlas Reason",
        "New: Atlas Rerank",
    ]


def test_the_feed_speaks_the_readers_language(client):
    assert "Nouveau : Atlas Mini" in titles(client, accept_language="fr")


def test_the_catalogue_says_where_the_feed_is(client):
    for page in ("/models/", "/models/atlas-mini/"):
        assert f'href="{FEED}"' in client.get(page).content.decode()


def test_an_endpoint_is_told_once_of_what_happens_after_it_was_added(endpoint):
    assert tasks.tell() == 0
    raise_price()
    day = deprecate()

    assert tasks.tell() == 2
    assert tasks.tell() == 0

    (price, price_data), (deprecated, data) = sorted(told(), reverse=True)
    assert (price, deprecated) == ("price.changed", "model.deprecated")
    assert price_data["models"] == ["atlas-mini"]
    assert price_data["per_million"][0] == {
        "part": "input",
        "service_tier": "standard",
        "before": "0.15",
        "after": "0.33",
    }
    assert data["models"] == ["atlas-mini"]
    assert data["replaced_by"] == ["atlas-large"]
    assert datetime.fromisoformat(data["retires_at"]) == day


def test_a_model_that_is_published_or_retired_is_told(endpoint):
    with service():
        AIModel.objects.filter(slug="atlas-large").update(published_at=timezone.now())
        publishing.retire(model(), by=None, reason="Recalled")

    tasks.tell()

    assert [(type, data["slug"]) for type, data in told()] == [
        ("model.published", "atlas-large"),
        ("model.retired", "atlas-mini"),
    ]


def test_nobody_is_told_of_models_of_others(endpoint, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with service():
        AIModel.objects.filter(slug="atlas-large").update(owner=other, published_at=timezone.now())

    assert tasks.tell() == 0


def test_who_pays_by_a_book_of_its_own_is_told_of_that_one_alone(endpoint, acme):
    with service():
        book = PriceBook.objects.create(
            code="acme", name="Acme", currency="EUR", is_default=False, organization=acme
        )
        offer = Offer.objects.get(name="atlas-mini")
        pricing.change(offer, {"input": Decimal(1), "output": Decimal(1)}, by=None, book=book)
    raise_price()
    assert tasks.tell() == 0
    with service():
        pricing.change(offer, {"input": Decimal("0.5")}, by=None, book=book)

    assert tasks.tell() == 1
    assert told()[0][1]["per_million"][0]["after"] == "0.5"


def test_an_endpoint_that_asks_for_other_events_is_left_alone(acme, alice):
    with scope(acme):
        webhooks.create(acme, url="https://hooks.example/", by=alice, events=["invoice.paid"])
    deprecate()

    assert tasks.tell() == 0
    assert told() == []
