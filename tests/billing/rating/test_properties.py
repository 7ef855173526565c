"""What holds for every price and every quantity."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.cumulative import worth_of_phases, worth_so_far
from billing.rating.definition import parse
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece
from billing.rating.tokens import rate

ZERO = Decimal(0)


def strings(top, places):
    return st.decimals(0, top, places=places).map(lambda number: f"{number:f}")


amounts = strings(1000, 9)
quantities = st.integers(0, 10**9).map(Decimal) | st.decimals(0, 10**6, places=4)


@st.composite
def tiers(draw):
    bounds = draw(st.lists(st.integers(1, 10**7), min_size=0, max_size=4, unique=True))
    return [
        {"up_to": bound, "unit_amount": draw(amounts), "flat_amount": draw(amounts)}
        for bound in [*map(str, sorted(bounds)), None]
    ]


shapes = st.one_of(
    st.fixed_dictionaries({"model": st.just("per_unit"), "unit_amount": amounts}),
    st.fixed_dictionaries({"model": st.just("graduated"), "tiers": tiers()}),
    st.fixed_dictionaries(
        {
            "model": st.just("package"),
            "package_size": st.integers(1, 10**6).map(str),
            "package_amount": amounts,
        }
    ),
    st.fixed_dictionaries({"model": st.just("volume"), "tiers": tiers()}),
    st.fixed_dictionaries({"model": st.just("flat"), "unit_amount": amounts}),
)
limits = st.fixed_dictionaries(
    {},
    optional={
        "free_quantity": strings(10**6, 2),
        "discount_percent": strings(100, 2),
        "maximum_amount": strings(10**6, 2),
    },
)
pieces = st.lists(quantities, min_size=1, max_size=6)


def rate_in_pieces(price, quantities):
    """Rate each piece on its own, as the preview does; returns the exact total."""
    before, total = ZERO, ZERO
    for number, quantity in enumerate(quantities, start=1):
        position = "last_split" if number == len(quantities) else "mid_split"
        piece = Piece(quantity, before, position)
        total += rate_piece(price, piece, currency="EUR", previously_billed=total).total_exact
        before += quantity
    return total


@given(shapes, st.fixed_dictionaries({}, optional={"free_quantity": strings(10**6, 2)}), pieces)
def test_any_split_of_a_period_costs_the_same_as_the_whole(shape, free, quantities):
    price = parse(shape | free)

    whole = rate_piece(price, Piece(sum(quantities)), currency="EUR")

    # Each line is brought to twelve decimals; amounts here have thirteen at most.
    assert abs(rate_in_pieces(price, quantities) - whole.total_exact) <= Decimal("1e-10")


@given(shapes, limits, pieces)
def test_phases_sum_up_to_the_whole_to_the_last_cent(shape, more, quantities):
    price = parse(shape | more)
    cumulative = [sum(quantities[: n + 1]) for n in range(len(quantities))]

    phases = worth_of_phases(price, cumulative, currency="EUR", period_ended=True)

    assert sum(phases) == rate_piece(price, Piece(cumulative[-1]), currency="EUR").total


@given(shapes, limits, quantities)
def test_lines_sum_up_to_the_total_and_are_never_negative(shape, more, quantity):
    rated = rate_piece(parse(shape | more), Piece(quantity), currency="EUR")

    assert sum(line.total for line in rated.lines) == rated.total
    assert all(line.total == line.amount - line.discount >= 0 for line in rated.lines)


@given(shapes, strings(10**6, 2), strings(10**6, 2), quantities)
def test_the_total_lies_between_minimum_and_maximum(shape, one, other, quantity):
    low, high = sorted([one, other], key=Decimal)
    price = parse(shape | {"minimum_amount": low, "maximum_amount": high})

    assert Decimal(low) <= rate_piece(price, Piece(quantity), currency="EUR").total <= Decimal(high)


@given(shapes, quantities)
def test_a_minimum_is_due_only_when_the_period_has_ended(shape, quantity):
    price = parse(shape | {"minimum_amount": "5000000"})
    running = worth_so_far(price, quantity, currency="EUR", period_ended=False)
    ended = worth_so_far(price, quantity, currency="EUR", period_ended=True)

    assert ended == max(running, Decimal(5000000))


@given(
    st.dictionaries(st.sampled_from(["input", "cached_input", "output"]), st.integers(0, 10**9)),
    st.dictionaries(st.sampled_from(["input", "cached_input", "output"]), st.integers(0, 10**9)),
)
def test_two_requests_cost_what_their_sum_costs(one, other):
    prices = {
        "input": Decimal("0.0000005"),
        "cached_input": Decimal("0.00000005"),
        "output": Decimal("0.000001500001"),
    }
    both = {part: one.get(part, 0) + other.get(part, 0) for part in prices}

    total = sum(rate(one, prices).values()) + sum(rate(other, prices).values())

    assert total == sum(rate(both, prices).values())
