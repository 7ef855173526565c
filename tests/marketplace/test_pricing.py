"""Prices from a date on, also when two people change one at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from common.database import service
from marketplace import demo, queries
from marketplace.errors import PriceInThePast, PriceNotPositive
from marketplace.models import Price
from marketplace.models.prices import halved
from marketplace.services import pricing
from tenants.models import AuditEntry

pytestmark = pytest.mark.usefixtures("catalogue")


def history(offer, tier="standard"):
    prices = Price.objects.of(offer, "input", "EUR", tier).order_by("effective_from")
    return list(prices.values_list("effective_from", "effective_until"))


def test_the_old_price_ends_at_the_instant_the_new_begins(mini):
    begins = timezone.now() + timedelta(days=7)

    with service():
        pricing.change(mini, {"input": Decimal("0.2")}, by=None, effective_from=begins)

    assert history(mini) == [(demo.OPENED, begins), (begins, None)]
    just_before = queries.price_in_force(mini, "input", begins - timedelta(microseconds=1))
    assert just_before.per_million == Decimal("0.15")
    assert queries.price_in_force(mini, "input", begins).per_million == Decimal("0.2")


def test_a_price_in_the_past_is_refused_and_changes_nothing(mini):
    with pytest.raises(PriceInThePast), service():
        pricing.change(
            mini,
            {"input": Decimal(1)},
            by=None,
            effective_from=timezone.now() - timedelta(seconds=1),
        )

    assert history(mini) == [(demo.OPENED, None)]


def test_of_several_prices_all_are_set_or_none(mini):
    with pytest.raises(PriceNotPositive), service():
        pricing.change(mini, {"input": Decimal("0.2"), "output": Decimal(-1)}, by=None)

    assert history(mini) == [(demo.OPENED, None)]


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "0.0000001", "1000000.1"])
def test_an_amount_that_cannot_be_stored_exactly_is_refused(amount):
    with pytest.raises(PriceNotPositive):
        pricing.per_token(Decimal(amount))


@pytest.mark.parametrize(
    ("per_million", "per_token"),
    [("0.15", "0.00000015"), ("0.000001", "0.000000000001"), ("1000000", "1"), ("0", "0")],
)
def test_a_price_is_kept_exactly(per_million, per_token):
    assert pricing.per_token(Decimal(per_million)) == per_token


def test_a_change_leaves_who_before_and_after(mini, alice):
    with service():
        pricing.change(mini, {"output": Decimal("0.7")}, by=alice)
        entry = AuditEntry.objects.get(action="price.changed")

    assert entry.actor_user == alice
    assert entry.before["per_million"] == "0.6"
    assert entry.after["per_million"] == "0.7"


def test_two_who_change_one_price_leave_one_history(mini):
    def change(amount):
        try:
            with service():
                pricing.change(mini, {"input": Decimal(amount)}, by=None)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(1, 9)))

    times = history(mini)
    assert len(times) == 9
    assert [until for _, until in times[:-1]] == [begins for begins, _ in times[1:]]
    assert times[-1][1] is None


def test_a_part_without_a_price_costs_what_its_twin_does(mini):
    now = timezone.now()

    reasoning = queries.price_in_force(mini, "reasoning", now)

    assert reasoning == queries.price_in_force(mini, "output", now)
    assert queries.price_in_force(mini, "input", demo.OPENED - timedelta(seconds=1)) is None


def batch(offer, part="input"):
    prices = Price.objects.of(offer, part, "EUR", "batch").order_by("effective_from")
    return [(price.per_million, price.effective_from) for price in prices]


def test_a_batch_costs_half_from_the_same_instant_on(mini):
    begins = timezone.now() + timedelta(days=7)

    with service():
        pricing.change(mini, {"input": Decimal("0.25")}, by=None, effective_from=begins)

    assert batch(mini) == [(Decimal("0.075"), demo.OPENED), (Decimal("0.125"), begins)]
    assert history(mini, "batch") == history(mini)
    assert queries.price_in_force(mini, "input", begins).per_million == Decimal("0.25")


def test_a_batch_costs_what_is_given_for_it(mini):
    with service():
        given = {"input": Decimal("0.04")}
        pricing.change(mini, {"input": Decimal("0.2")}, by=None, batch_per_million=given)

    assert batch(mini)[-1][0] == Decimal("0.04")


def test_half_of_the_smallest_price_is_left_off(mini):
    assert halved({"model": "per_unit", "unit_amount": "0.000000000003"}) == {
        "model": "per_unit",
        "unit_amount": "0.000000000001",
    }


def test_every_amount_of_a_definition_is_halved():
    tiers = [{"up_to": None, "unit_amount": "0.3", "flat_amount": "5"}]

    found = halved({"model": "graduated", "tiers": tiers, "discount_percent": "10"})

    assert found["tiers"] == [{"up_to": None, "unit_amount": "0.15", "flat_amount": "2.5"}]
    assert found["discount_percent"] == "10"


def test_the_snapshot_knows_both_prices(mini):
    offer = next(each for each in queries.snapshot() if each.name == "atlas-mini")

    assert offer.prices["input"].unit_amount == Decimal("0.00000015")
    assert offer.batch_prices["input"].unit_amount == Decimal("0.000000075")
    assert offer.batch_prices["reasoning"] == offer.batch_prices["output"]
    assert offer.batch_prices["input"].price_id != offer.prices["input"].price_id
