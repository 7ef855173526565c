"""Hours of GPUs are counted in seconds: what a second is worth seldom ends, and nothing is lost of it."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.drafts import UsedTokens, usage_draft
from billing.rating import units
from billing.rating.conditions import Circumstances
from billing.rating.definition import InvalidPrice, parse_for
from billing.rating.lines import rate_piece
from billing.rating.preview import preview
from billing.rating.shapes import Piece
from billing.rating.tokens import Unpriced, rate, weigh
from common.ids import uuid7
from marketplace.models.prices import dearest_per_token
from tests.billing.rating.test_properties import strings

PART = "gpu_hours"
PRICE = uuid7()
DIGITS = 10**12
ZERO = Decimal(0)
NOON = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
per_hour = st.decimals(Decimal("1e-12"), 1000, places=12).filter(bool)
seconds = st.integers(1, 10**8)
#: Events with the share of each that no credit paid.
events = st.lists(st.tuples(seconds, st.decimals(0, 1, places=6)), min_size=1, max_size=9)
amounts = strings(1000, 9).filter(lambda text: Decimal(text) > 0)
shapes = st.one_of(
    st.fixed_dictionaries({"model": st.just("per_unit"), "unit_amount": amounts}),
    st.fixed_dictionaries(
        {"model": st.just("package"), "package_size": strings(100, 2).filter(lambda it: Decimal(it) > 0),
         "package_amount": amounts}
    ),
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["graduated", "volume"]),
            "tiers": st.tuples(strings(500, 3).filter(lambda it: Decimal(it) > 0), amounts, amounts).map(
                lambda facts: [
                    {"up_to": facts[0], "unit_amount": facts[1]},
                    {"up_to": None, "unit_amount": facts[2]},
                ]
            ),
        }
    ),
)  # fmt: skip


def per_unit(amount, **more):
    return {"model": "per_unit", "unit_amount": f"{amount:f}", **more}


def settled(definition, count):
    """Return what so many seconds settle for when they are reported."""
    return rate({PART: count}, {PART: dearest_per_token(definition)})[PART]


def closed(definition, made):
    """Return the draft of a month of these events."""
    paid = [(settled(definition, count), share) for count, share in made]
    total = sum(count for count, _share in made)
    price = parse_for(PART, definition)
    return usage_draft(
        [UsedTokens("a", PART, total, dearest_per_token(definition), PRICE, price=price)],
        uncovered=sum((round(amount * share, 12) for amount, share in paid), ZERO),
        currency="EUR",
        tax_rate=Decimal("0.2"),
        coverage_label="Credit",
        settled=sum((amount for amount, _share in paid), ZERO),
    )


def at_once(count, price):
    """Return what seconds come to, in whole numbers alone: half up, at the twelfth decimal."""
    whole = Fraction(count) * Fraction(price) / 3600
    return Decimal(floor(whole * DIGITS + Fraction(1, 2))) / DIGITS


@given(seconds, per_hour)
def test_a_month_is_worth_its_seconds_at_once_half_up_at_the_twelfth_decimal(count, price):
    rated = rate_piece(parse_for(PART, per_unit(price)), Piece(Decimal(count)), currency="EUR")

    assert rated.total_exact == at_once(count, price)


@given(seconds, per_hour)
def test_an_event_settles_for_its_seconds_up_at_the_twelfth_decimal(count, price):
    found = settled(per_unit(price), count)

    assert found == Decimal(ceil(Fraction(count) * Fraction(price) / 3600 * DIGITS)) / DIGITS


@given(shapes, events)
def test_what_was_settled_and_what_is_trued_up_are_the_worth_of_the_month(definition, made):
    draft = closed(definition, made)

    paid = draft.settled - draft.settled_uncovered
    assert paid + draft.due - draft.returned == draft.charged
    whole = sum(count for count, _share in made)
    alone = rate_piece(parse_for(PART, definition), Piece(Decimal(whole)), currency="EUR")
    assert draft.charged == alone.total_exact


@given(per_hour, events, st.randoms(use_true_random=False))
def test_how_a_month_is_cut_into_events_changes_nothing(price, made, random):
    definition = per_unit(price)
    draft = closed(definition, made)

    total = sum(count for count, _share in made)
    assert draft.charged == closed(definition, [(total, ZERO)]).charged
    assert draft.charged == closed(definition, random.sample(made, len(made))).charged
    # Credit that paid every event never owes; what it gives back is a last digit an event at most.
    over = draft.settled - draft.charged
    assert 0 <= over <= len(made) * Decimal("1e-12")


@given(seconds)
def test_hours_of_twelve_decimals_tell_their_seconds(count):
    assert units.seconds(units.hours(count)) == count


@given(st.lists(seconds, min_size=1, max_size=50))
def test_so_do_their_sums(counts):
    assert units.seconds(sum(map(units.hours, counts))) == sum(counts)


def test_half_of_the_last_digit_is_rounded_up_though_a_third_of_an_hour_does_not_end():
    price = parse_for(PART, per_unit(Decimal("0.0000000000015")))

    rated = rate_piece(price, Piece(Decimal(1200)), currency="EUR")

    assert rated.total_exact == Decimal("1e-12")


def test_a_package_of_hours_stands_as_hours_on_its_line():
    definition = {"model": "package", "package_size": "8", "package_amount": "16.04"}

    [line] = closed(definition, [(8 * 3600 + 1, Decimal(1))]).lines

    assert (line.kind, line.quantity, line.unit_amount) == ("usage", 16, Decimal("2.005"))
    assert (line.exact_amount, line.amount) == (Decimal("32.08"), Decimal("32.08"))


def test_an_hour_that_counts_more_settles_up_too():
    nights = {
        "time_zone": "UTC",
        "windows": [{"from": "00:00", "until": "23:45", "multiplier": "0.333333333333"}],
    }
    definition = parse_for(PART, per_unit(Decimal(1), time_of_day=nights))
    at = Circumstances(NOON)

    amounts, counts = weigh({PART: Decimal("0.000277777777")}, {PART: definition}, at)

    assert counts == {PART: Decimal("0.333333333333")}
    # To the nearest it would be 0.000092592592.
    assert amounts == {PART: Decimal("0.000092592593")}


def test_seconds_without_a_price_are_not_worth_nothing():
    with pytest.raises(Unpriced):
        rate({PART: 1}, {"input": Decimal(1)})


def test_a_price_of_hours_converts_nothing_else():
    days = {"operation": "divide", "factor": "24"}

    with pytest.raises(InvalidPrice, match="unit_conversion"):
        parse_for(PART, per_unit(Decimal(1), unit_conversion=days))


def test_a_preview_of_hours_takes_their_seconds():
    rated = preview(
        {"currency": "EUR", "price": per_unit(Decimal("2.5")), "quantity": "5400", "part": PART}
    )

    assert (rated.lines[0].quantity, rated.total) == (Decimal("1.5"), Decimal("3.75"))


def test_a_preview_names_the_parts_it_knows():
    asked = {"currency": "EUR", "price": per_unit(Decimal(1)), "quantity": "1", "part": "gpus"}

    with pytest.raises(InvalidPrice, match="part: must be one of tokens, gpu_hours"):
        preview(asked)
