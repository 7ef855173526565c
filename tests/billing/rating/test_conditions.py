"""What a unit counts, by its request: a long prompt, the hour, a batch."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.rating.conditions import Circumstances, dearest, multiplier
from billing.rating.definition import parse
from billing.rating.preview import preview

LONG = [{"above": "200000", "multiplier": "2"}, {"above": "1000000", "multiplier": "3"}]
WORKDAYS = {"from": "22:00", "until": "06:00", "multiplier": "0.5", "days": [1, 2, 3, 4, 5]}
NIGHT = {"time_zone": "Europe/Paris", "windows": [WORKDAYS]}
PER_UNIT = {"model": "per_unit", "unit_amount": "0.01"}


@pytest.mark.parametrize(
    ("prompt", "counts"),
    [(0, "1"), (200_000, "1"), (200_001, "2"), (1_000_000, "2"), (1_000_001, "3")],
)
def test_a_token_of_a_long_prompt_counts_more(prompt, counts):
    price = parse(PER_UNIT | {"long_context": LONG})

    assert multiplier(price, Circumstances(prompt=prompt)) == Decimal(counts)


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        # Monday, 30 November 2026 in Paris, an hour ahead of UTC.
        (datetime(2026, 11, 30, 20, 59, 59, tzinfo=UTC), "1"),
        (datetime(2026, 11, 30, 21, tzinfo=UTC), "0.5"),
        (datetime(2026, 12, 1, 4, 59, 59, tzinfo=UTC), "0.5"),
        (datetime(2026, 12, 1, 5, tzinfo=UTC), "1"),
        # The night that begins on Friday ends on Saturday; Sunday's does not count.
        (datetime(2026, 12, 5, 3, tzinfo=UTC), "0.5"),
        (datetime(2026, 12, 6, 23, tzinfo=UTC), "1"),
        # In summer Paris is two hours ahead.
        (datetime(2026, 7, 1, 20, tzinfo=UTC), "0.5"),
    ],
)
def test_nights_are_those_of_the_place(at, counts):
    price = parse(PER_UNIT | {"time_of_day": NIGHT})

    assert multiplier(price, Circumstances(at=at)) == Decimal(counts)


def test_a_batch_at_night_pays_both_ways():
    price = parse(PER_UNIT | {"time_of_day": NIGHT, "batch_multiplier": "0.5"})
    at = datetime(2026, 11, 30, 22, tzinfo=UTC)

    assert multiplier(price, Circumstances(at=at, is_batch=True)) == Decimal("0.25")


def test_the_dearest_is_reserved_while_the_prompt_is_only_bound():
    cheaper = [{"above": "100", "multiplier": "3"}, {"above": "1000", "multiplier": "0.5"}]
    price = parse(PER_UNIT | {"long_context": cheaper})

    assert dearest(price, Circumstances(prompt=100)) == 1
    assert dearest(price, Circumstances(prompt=5000)) == 3


def test_the_preview_weighs_what_the_request_was_like():
    rated = preview(
        {
            "currency": "EUR",
            "price": PER_UNIT | {"long_context": LONG},
            "quantity": "1000",
            "request": {"prompt": 250_000},
        }
    )

    assert rated.total == 20
