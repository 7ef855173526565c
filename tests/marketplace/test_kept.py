"""What is kept in memory of the catalogue: never older than the last change."""

from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.database import APP, SERVICE, service
from marketplace import kept, listing, showcase
from marketplace.models import (
    AIModel,
    CatalogueEdit,
    Measurement,
    Offer,
    Price,
    PriceBook,
    Publisher,
)
from marketplace.queries import DEFAULT_CURRENCY
from tenants.models import Region

pytestmark = pytest.mark.usefixtures("catalogue")


def fresh():
    return listing.of(showcase.everybodys(), DEFAULT_CURRENCY)


def measure():
    offer, now = Offer.objects.get(name="atlas-mini"), timezone.now()
    found = {"since": now, "until": now, "calls": 9_999, "customers": 50, "ttft_p95_ms": 77}
    Measurement.objects.update_or_create(offer=offer, defaults={**found, "availability": 100})


def no_list():
    PriceBook.objects.filter(is_default=True).update(is_default=False)


CHANGES = {
    "publisher": lambda: Publisher.objects.update(name="Somebody"),
    "name": lambda: AIModel.objects.filter(slug="atlas-mini").update(name="Small"),
    "hidden": lambda: AIModel.objects.filter(slug="atlas-mini").update(is_restricted=True),
    "region": lambda: Region.objects.update(name="Elsewhere"),
    "state": lambda: Offer.objects.filter(name="atlas-mini").update(status="retired"),
    "deleted": lambda: Measurement.objects.all().delete(),
    "measured": measure,
    "price": lambda: Price.objects.filter(effective_until=None).update(
        effective_until=timezone.now()
    ),
    "book": no_list,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen_by_whoever_comes_next(change):
    with service():
        measure()
        Measurement.objects.update(ttft_p95_ms=88)
    before = kept.everybodys(DEFAULT_CURRENCY)
    with service():
        change()
    after = kept.everybodys(DEFAULT_CURRENCY)
    assert after == fresh()
    assert after != before


def test_what_has_not_changed_is_not_read_again(django_assert_num_queries):
    first = kept.everybodys(DEFAULT_CURRENCY)
    with django_assert_num_queries(1, connection=connections[APP]):
        again = kept.everybodys(DEFAULT_CURRENCY)
    assert again == first == fresh()
    assert len(first) > 2


@pytest.mark.parametrize(
    "address", ["/models/compare/?m=atlas-mini&m=atlas-large", "/services/", "/sitemap.xml"]
)
def test_public_pages_read_no_prices_again(client, address):
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connections[APP]) as asked:
        assert client.get(address).status_code == 200
    assert [it["sql"] for it in asked if '"marketplace_price"' in it["sql"]] == []


def test_a_statement_that_changes_nothing_is_no_change():
    before = CatalogueEdit.objects.count()
    with service():
        AIModel.objects.filter(slug="nobody").update(name="Nobody")
    assert CatalogueEdit.objects.count() == before


def test_whoever_asked_may_change_its_list():
    kept.everybodys(DEFAULT_CURRENCY).clear()
    assert kept.everybodys(DEFAULT_CURRENCY) == fresh()


def test_currencies_are_kept_apart():
    assert kept.everybodys(DEFAULT_CURRENCY)[0].currency == DEFAULT_CURRENCY
    assert kept.everybodys("KZT")[0].currency == "KZT"


@pytest.mark.parametrize("days", [2, -2], ids=["a price begins", "the clock is put back"])
def test_the_clock_ends_what_is_kept(monkeypatch, days):
    with service():
        ends = timezone.now() + timedelta(days=1)
        Price.objects.filter(effective_until=None).update(effective_until=ends)
    before = kept.everybodys(DEFAULT_CURRENCY)
    assert any(it.input is not None for it in before)
    moment = timezone.now() + timedelta(days=days)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    assert kept.everybodys(DEFAULT_CURRENCY) == fresh()
    assert all(it.input is None for it in kept.everybodys(DEFAULT_CURRENCY)) == (days > 0)


def test_a_change_that_is_not_committed_is_neither_seen_nor_kept():
    before = kept.everybodys(DEFAULT_CURRENCY)
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(name="Small")
        assert "Small" in {it.name for it in kept.everybodys(DEFAULT_CURRENCY)}
        transaction.set_rollback(True, using=SERVICE)
    assert kept.everybodys(DEFAULT_CURRENCY) == before == fresh()


def test_edits_of_long_ago_are_forgotten_and_nothing_is_kept_wrongly():
    before = kept.everybodys(DEFAULT_CURRENCY)
    with service():
        for number in range(kept.NEWEST + 5):
            AIModel.objects.filter(slug="atlas-mini").update(name=f"Small {number}")
    assert kept.forget_edits() > 0
    assert kept.forget_edits() == 0
    assert CatalogueEdit.objects.count() == kept.NEWEST
    assert kept.everybodys(DEFAULT_CURRENCY) == fresh() != before


def whole(**facts):
    with service():
        offers = Offer.objects.filter(**facts).order_by("name")
        return kept.whole([it.pk for it in offers], DEFAULT_CURRENCY)


def card(client, name):
    page = client.get("/models/").content.decode()
    (found,) = (it for it in page.split("<article")[1:] if f"<bdi>{name}</bdi>" in it)
    return found


def test_offers_are_read_whole_once_in_the_order_asked_for(django_assert_num_queries):
    first = whole()
    keys = [it.offer.pk for it in reversed(first)]
    with django_assert_num_queries(1, connection=connections[APP]):
        again = kept.whole(keys, DEFAULT_CURRENCY)
    assert [it.offer.pk for it in again] == keys
    assert {id(it) for it in again} == {id(it) for it in first}
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(is_restricted=True)
    left = {it.slug for it in kept.whole(keys, DEFAULT_CURRENCY)}
    assert left == {it.slug for it in first} - {"atlas-mini"}


def test_a_card_is_drawn_anew_with_each_change_and_in_each_language(client):
    before = card(client, "Atlas Mini")
    assert card(client, "Atlas Mini") == before
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(summary="Changed <b>today</b>.")
    after = card(client, "Atlas Mini")
    assert "Changed &lt;b&gt;today&lt;/b&gt;." in after
    assert "Changed" not in before
    client.cookies["django_language"] = "fr"
    assert "jetons" in card(client, "Atlas Mini")
    client.cookies["django_language"] = "en"
    assert card(client, "Atlas Mini") == after


def test_a_model_that_is_new_no_longer_says_so_although_nothing_was_changed(client, monkeypatch):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(published_at=timezone.now())
    assert "New" in card(client, "Atlas Mini")
    moment = timezone.now() + timedelta(days=30, minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    assert "New" not in card(client, "Atlas Mini")


def test_only_what_everybody_sees_is_drawn_once():
    """Who pays by an own book is shown its price, whoever looked before."""
    (everybodys,) = whole(name="atlas-mini")
    assert kept.drawn(everybodys, "x", lambda: "at the list's price") == "at the list's price"
    assert kept.drawn(everybodys, "x", lambda: "again") == "at the list's price"
    with service():
        (own,) = showcase.priced(Offer.objects.filter(name="atlas-mini"), DEFAULT_CURRENCY)
    assert kept.drawn(own, "x", lambda: "at its own") == "at its own"
