"""What a price may say, and our own decisions where other engines differ."""

from decimal import Decimal

import pytest

from billing.rating.definition import InvalidPrice, parse
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece
from billing.rating.tokens import Unpriced, rate

PER_UNIT = {"model": "per_unit", "unit_amount": "1"}
CONVERTS_HOW = "unit_conversion.operation"
DIVIDE = {"operation": "divide", "factor": "1000"}
LONG = {"above": "200000", "multiplier": "2"}


def nights(**more):
    window = {"from": "22:00", "until": "06:00", "multiplier": "0.5"} | more
    return {"time_zone": "Europe/Paris", "windows": [window]}


NIGHT = nights()
TIERS = [{"up_to": "5", "flat_amount": "100"}, {"up_to": None, "unit_amount": "1"}]


@pytest.mark.parametrize("model", ["graduated", "volume"])
def test_the_first_flat_fee_is_not_due_at_zero_usage(model):
    nothing = Piece(Decimal(0))

    assert rate_piece(parse({"model": model, "tiers": TIERS}), nothing, currency="EUR").total == 0


@pytest.mark.parametrize("model", ["graduated", "volume"])
def test_it_is_due_where_the_contract_says_so(model):
    price = parse({"model": model, "tiers": TIERS, "charge_first_flat_fee_at_zero": True})

    assert rate_piece(price, Piece(Decimal(0)), currency="EUR").total == 100


def test_a_tier_bound_is_inside_its_tier():
    price = parse({"model": "volume", "tiers": TIERS})

    assert rate_piece(price, Piece(Decimal(5)), currency="EUR").total == 100
    assert rate_piece(price, Piece(Decimal("5.01")), currency="EUR").total == Decimal("5.01")


def test_a_currency_without_minor_units_rounds_to_whole_ones():
    price = parse({"model": "per_unit", "unit_amount": "0.5"})

    assert rate_piece(price, Piece(Decimal(1)), currency="JPY").total == Decimal(1)


def test_used_tokens_without_a_price_are_refused():
    with pytest.raises(Unpriced, match="reasoning"):
        rate({"output": 1, "reasoning": 1}, {"output": Decimal(1)})


def test_unused_tokens_need_no_price():
    assert rate({"output": 2, "reasoning": 0}, {"output": Decimal("0.5")}) == {"output": Decimal(1)}


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ([], "price"),
        ({}, "model"),
        ({"model": "barter"}, "model"),
        ({"model": ["per_unit"]}, "model"),
        ({"model": "per_unit"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": 0.1}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "ten"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "-1"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "NaN"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "1e99"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "1", "tiers": TIERS}, "tiers"),
        ({"model": "package", "package_size": "0", "package_amount": "1"}, "package_size"),
        ({"model": "per_unit", "unit_amount": "1", "discount_percent": "101"}, "discount_percent"),
        ({"model": "graduated", "tiers": []}, "tiers"),
        ({"model": "graduated", "tiers": TIERS[:1]}, "tiers"),
        ({"model": "graduated", "tiers": [TIERS[0], *TIERS]}, "tiers.1.up_to"),
        ({"model": "graduated", "tiers": [{"up_to": None, "price": "1"}]}, "tiers.0"),
        ({"model": "percentage", "rate": "1", "free_events": "2"}, "free_events"),
        ({"model": "per_unit", "unit_amount": "\u0661"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "1_000"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": " 1"}, "unit_amount"),
        ({"model": "per_unit", "unit_amount": "Infinity"}, "unit_amount"),
        (PER_UNIT | {"unit_conversion": {"operation": "root", "factor": "2"}}, CONVERTS_HOW),
        (PER_UNIT | {"unit_conversion": DIVIDE | {"factor": "0"}}, "unit_conversion.factor"),
        (PER_UNIT | {"unit_conversion": DIVIDE | {"rounding": "up"}}, "unit_conversion.rounding"),
        (PER_UNIT | {"unit_conversion": DIVIDE | {"precision": "2"}}, "unit_conversion.precision"),
        (PER_UNIT | {"long_context": []}, "long_context"),
        (PER_UNIT | {"long_context": [LONG, LONG]}, "long_context.1.above"),
        (PER_UNIT | {"long_context": [LONG | {"multiplier": "0"}]}, "long_context.0.multiplier"),
        (PER_UNIT | {"time_of_day": NIGHT | {"time_zone": "Mars/Base"}}, "time_of_day.time_zone"),
        (PER_UNIT | {"time_of_day": nights(until="06:10")}, "time_of_day.windows.0.until"),
        (PER_UNIT | {"time_of_day": nights(until="22:00")}, "time_of_day.windows.0.until"),
        (PER_UNIT | {"time_of_day": nights(days=[8])}, "time_of_day.windows.0.days"),
        (PER_UNIT | {"batch_multiplier": "0"}, "batch_multiplier"),
        (
            {"model": "percentage", "rate": "1"}
            | {"minimum_per_event": "2", "maximum_per_event": "1"},
            "minimum_per_event",
        ),
        (
            {"model": "per_unit", "unit_amount": "1", "minimum_amount": "2", "maximum_amount": "1"},
            "minimum_amount",
        ),
    ],
)
def test_what_cannot_be_rated_is_refused_by_field(definition, field):
    with pytest.raises(InvalidPrice) as refusal:
        parse(definition)

    assert refusal.value.field == field
