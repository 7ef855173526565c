"""Prices: never overlapping, never changed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from common.database import service
from marketplace import demo, queries
from marketplace.models import Offer, Price, PriceBook, Upstream

JULY = datetime(2026, 7, 1, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, tzinfo=UTC)
DEFINITION = {"model": "per_unit", "unit_amount": "0.000001"}


def test_seeding_twice_changes_nothing(catalogue):
    before = set(Price.objects.values_list("pk", flat=True))

    demo.seed()

    assert set(Price.objects.values_list("pk", flat=True)) == before
    assert Offer.objects.count() == 5


def test_the_database_refuses_prices_that_overlap(catalogue):
    mini, book = Offer.objects.get(name="atlas-mini"), PriceBook.objects.get()

    with pytest.raises(IntegrityError, match="prices_never_overlap"), service():
        Price.objects.create(
            book=book,
            offer=mini,
            token_part="input",
            definition=DEFINITION,
            effective_from=JULY,
            effective_until=AUGUST,
        )


@pytest.mark.parametrize(
    "change",
    [
        {"definition": DEFINITION},
        {"effective_from": AUGUST},
        {"effective_until": AUGUST, "token_part": "reasoning"},
    ],
)
def test_the_database_refuses_to_change_a_price(catalogue, change):
    with pytest.raises(DatabaseError, match="never changed"), service():
        Price.objects.filter(token_part="input").update(**change)


def test_a_price_is_closed_once(catalogue):
    with service():
        Price.objects.filter(token_part="input").update(effective_until=JULY)

    with pytest.raises(DatabaseError, match="never changed"), service():
        Price.objects.filter(token_part="input").update(effective_until=AUGUST)


def test_an_end_that_has_not_come_can_be_moved_but_not_into_the_past(catalogue):
    prices, ahead = Price.objects.filter(token_part="input"), timezone.now() + timedelta(days=9)
    with service():
        prices.update(effective_until=ahead)
        prices.update(effective_until=ahead + timedelta(days=9))

    with pytest.raises(DatabaseError, match="never changed"), service():
        prices.update(effective_until=JULY)
    with service():
        prices.update(effective_until=None)


def test_a_price_may_end_as_it_begins_but_never_before(catalogue):
    with pytest.raises(IntegrityError, match="price_never_ends_before_it_begins"), service():
        Price.objects.filter(token_part="input").update(
            effective_until=demo.OPENED - timedelta(microseconds=1)
        )

    with service():
        Price.objects.filter(token_part="input").update(effective_until=demo.OPENED)
    assert not Price.objects.in_force(demo.OPENED).filter(token_part="input").exists()


def test_a_price_is_never_deleted(catalogue):
    with pytest.raises(DatabaseError, match="permission denied"), service():
        Price.objects.all().delete()


def test_the_app_role_cannot_write_prices(catalogue):
    with pytest.raises(DatabaseError, match="permission denied"):
        Price.objects.update(effective_until=JULY)


def test_the_snapshot_holds_what_the_gateway_needs(catalogue):
    mini = {offer.name: offer for offer in queries.snapshot()}["atlas-mini"]

    assert {part: price.unit_amount for part, price in mini.prices.items()} == {
        "input": Decimal("0.00000015"),
        "cached_input": Decimal("0.00000004"),
        "cache_write": Decimal("0.00000015"),
        "image_input": Decimal("0.00000015"),
        "audio_input": Decimal("0.00000015"),
        "output": Decimal("0.0000006"),
        "reasoning": Decimal("0.0000006"),
        "audio_output": Decimal("0.0000006"),
    }
    assert mini.weights["output"] == Decimal(3)
    assert [route.upstream_model for route in mini.routes] == ["atlas-mini"]
    assert (mini.region, mini.jurisdiction) == ("eu-paris", "EU")


def test_a_server_that_is_switched_off_gets_no_requests(catalogue):
    with service():
        Upstream.objects.update(is_enabled=False)

    assert [offer.routes for offer in queries.snapshot()] == [()] * 5


def test_credentials_stand_encrypted(catalogue, owner_connection):
    with service():
        upstream = Upstream.objects.get()
        upstream.credential = "sk-of-the-engine"
        upstream.save()

    (stored,) = owner_connection.execute("SELECT credential FROM marketplace_upstream").fetchone()
    assert "sk-of-the-engine" not in stored
    assert queries.snapshot()[0].routes[0].credential == "sk-of-the-engine"
