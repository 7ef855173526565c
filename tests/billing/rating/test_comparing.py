"""A price is no rise only if no quantity costs more by it."""

from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from billing.rating.comparing import can_cost_more
from billing.rating.definition import parse, parse_for
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece

UNIT = {"model": "per_unit", "unit_amount": "2"}
LESS = {"model": "per_unit", "unit_amount": "1"}
VOLUME = {
    "model": "volume",
    "tiers": [
        {"up_to": "100", "unit_amount": "2"},
        {"up_to": None, "unit_amount": "1", "flat_amount": "100"},
    ],
}
GRADUATED = {
    "model": "graduated",
    "tiers": [{"up_to": "100", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1"}],
}
BLOCKS = {
    "model": "graduated",
    "tiers": [
        {"up_to": "100", "unit_amount": "2", "package_size": "10"},
        {"up_to": None, "unit_amount": "1", "package_size": "10"},
    ],
}
PACKAGE = {"model": "package", "package_size": "10", "package_amount": "20"}
LONG = {"long_context": [{"above": "1000", "multiplier": "2"}]}
NIGHT = {
    "time_of_day": {
        "time_zone": "Europe/Paris",
        "windows": [{"from": "22:00", "until": "06:00", "multiplier": "0.5"}],
    }
}
TO_TENS = {"unit_conversion": {"operation": "divide", "factor": "10"}}
ROUNDED = {"unit_conversion": {"operation": "divide", "factor": "10", "rounding": "ceiling"}}


def tiers(price, *changed):
    """Return the price with other values in its tiers, from the first on."""
    own = [tier | new for tier, new in zip(price["tiers"], [*changed, {}, {}], strict=False)]
    return price | {"tiers": own}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UNIT, UNIT | {"unit_amount": "2.000000000001"}),
        (UNIT, UNIT | {"minimum_amount": "1"}),
        (UNIT | {"minimum_amount": "1"}, UNIT | {"minimum_amount": "1.01"}),
        (UNIT | {"maximum_amount": "50"}, UNIT),
        (UNIT | {"maximum_amount": "50"}, UNIT | {"maximum_amount": "51"}),
        (UNIT | {"free_quantity": "10"}, UNIT | {"free_quantity": "9"}),
        (UNIT | {"discount_percent": "10"}, UNIT | {"discount_percent": "9.9"}),
        (UNIT | {"discount_percent": "10"}, UNIT),
        # A dearer unit within a lower cap, and within a lower minimum.
        (LESS | {"maximum_amount": "100"}, UNIT | {"maximum_amount": "50"}),
        (LESS | {"minimum_amount": "10"}, UNIT | {"minimum_amount": "5"}),
        (VOLUME, UNIT),
        (VOLUME, tiers(VOLUME, {"up_to": "99"})),
        (VOLUME, tiers(VOLUME, {"flat_amount": "0.01"})),
        (VOLUME, tiers(VOLUME, {}, {"flat_amount": "101"})),
        (GRADUATED, UNIT),
        (GRADUATED, tiers(GRADUATED, {"up_to": "101"})),
        (GRADUATED, tiers(GRADUATED, {"flat_amount": "0.01"})),
        (tiers(GRADUATED, {"flat_amount": "5"}), tiers(GRADUATED, {"flat_amount": "5"})
         | {"charge_first_flat_fee_at_zero": True}),
        # Cheap first units do not make up for dear ones later: somebody uses many.
        (LESS, tiers(GRADUATED, {"unit_amount": "0"}, {"unit_amount": "1.01"})),
        (UNIT, PACKAGE),
        (PACKAGE, PACKAGE | {"package_size": "9"}),
        (PACKAGE, PACKAGE | {"package_size": "20", "package_amount": "40"}),
        (BLOCKS, tiers(BLOCKS, {}, {"package_size": "5"})),
        (UNIT, UNIT | LONG),
        (UNIT | NIGHT, UNIT),
        (UNIT | {"batch_multiplier": "0.5"}, UNIT),
        (UNIT, UNIT | ROUNDED),
        (UNIT | TO_TENS, UNIT),
        (TO_TENS | UNIT, TO_TENS | UNIT | {"unit_amount": "3"}),
        ({"model": "flat", "unit_amount": "2"}, {"model": "flat", "unit_amount": "1"}),
    ],
)  # fmt: skip
def test_what_somebody_may_pay_more_by_is_a_rise(before, after):
    assert can_cost_more(parse(before), parse(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UNIT, UNIT),
        (UNIT, UNIT | {"unit_amount": "2.0"}),
        (UNIT, LESS),
        (UNIT, UNIT | {"free_quantity": "10", "discount_percent": "5", "maximum_amount": "100"}),
        (UNIT | {"minimum_amount": "10"}, UNIT | {"minimum_amount": "9"}),
        # Never more than the least that was due anyway.
        (UNIT | {"minimum_amount": "10"}, UNIT | {"unit_amount": "3", "maximum_amount": "10"}
         | {"free_quantity": "5"}),
        (UNIT, GRADUATED),
        (GRADUATED, tiers(GRADUATED, {"up_to": "99"})),
        # What the volume costs now is what it cost at each of its tiers, or less.
        (VOLUME, tiers(VOLUME, {}, {"flat_amount": "99"})),
        (UNIT, VOLUME),
        (PACKAGE, UNIT),
        (PACKAGE, PACKAGE | {"package_amount": "19"}),
        (BLOCKS, tiers(BLOCKS, {"unit_amount": "1"})),
        (UNIT | LONG | NIGHT, LESS | LONG | NIGHT),
        (UNIT | TO_TENS, UNIT | {"unit_amount": "0.2"}),
        (UNIT | ROUNDED, LESS | ROUNDED),
        ({"model": "flat", "unit_amount": "2"}, {"model": "flat", "unit_amount": "2"}),
    ],
)  # fmt: skip
def test_what_never_costs_more_is_none(before, after):
    assert not can_cost_more(parse(before), parse(after))


def test_hours_are_compared_in_the_seconds_that_are_counted():
    assert can_cost_more(parse_for("gpu_hours", LESS), parse_for("gpu_hours", UNIT))
    assert not can_cost_more(parse_for("gpu_hours", UNIT), parse_for("gpu_hours", LESS))


def strings(least, top, places):
    return st.decimals(least, top, places=places).map(lambda number: f"{number:f}")


amounts = st.sampled_from(["0", "0.5", "1", "2"]) | strings(0, 3, 2)
sizes = st.sampled_from(["1", "3", "10"])


@st.composite
def some_tiers(draw):
    bounds = draw(st.lists(st.integers(1, 60), max_size=2, unique=True))
    blocks = st.fixed_dictionaries({}, optional={"package_size": sizes, "flat_amount": amounts})
    return [
        {"up_to": bound, "unit_amount": draw(amounts)} | draw(blocks)
        for bound in [*map(str, sorted(bounds)), None]
    ]


shapes = st.one_of(
    st.fixed_dictionaries({"model": st.just("per_unit"), "unit_amount": amounts}),
    st.fixed_dictionaries(
        {"model": st.just("package"), "package_size": sizes, "package_amount": amounts}
    ),
    st.fixed_dictionaries(
        {"model": st.sampled_from(["graduated", "volume"]), "tiers": some_tiers()},
        optional={"charge_first_flat_fee_at_zero": st.booleans()},
    ),
)
conversions = st.fixed_dictionaries(
    {"operation": st.sampled_from(["multiply", "divide"]), "factor": st.sampled_from(["2", "3"])},
    optional={"rounding": st.sampled_from(["none", "ceiling", "floor", "half_up"])},
)
limits = st.fixed_dictionaries(
    {},
    optional={
        "free_quantity": strings(0, 20, 1),
        "discount_percent": strings(0, 100, 1),
        "minimum_amount": strings(0, 20, 1),
        "maximum_amount": strings(20, 80, 1),
        "unit_conversion": conversions,
    },
)


@st.composite
def changes(draw):
    """A price and another one: a new one, or the old with something of it changed."""
    before = draw(shapes) | draw(limits)
    after = (draw(shapes) if draw(st.booleans()) else dict(before)) | draw(limits)
    if "tiers" in after and draw(st.booleans()):
        after["tiers"] = [tier | {"unit_amount": draw(amounts)} for tier in after["tiers"]]
    # A minimum above its maximum is no price.
    least, most = after.get("minimum_amount", "0"), after.get("maximum_amount", "80")
    assume(Decimal(least) <= Decimal(most))
    return parse(before), parse(after)


quantities = st.integers(0, 200).map(Decimal) | st.decimals(0, 130, places=1)
LINES = Decimal("1e-10")


def worth(price, quantity):
    return rate_piece(price, Piece(quantity), currency="EUR").total_exact


@given(changes(), st.lists(quantities, min_size=5, max_size=5))
@example(
    (parse(UNIT | {"minimum_amount": "1"}), parse(UNIT | {"minimum_amount": "2"})), [Decimal(0)]
)
def test_no_quantity_costs_more_by_what_is_no_rise(change, used):
    before, after = change
    assume(not can_cost_more(before, after))

    # Each line is kept to twelve decimals: less than that is nobody's rise.
    assert all(worth(after, it) <= worth(before, it) + LINES for it in used)
