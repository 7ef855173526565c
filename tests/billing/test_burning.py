"""Splitting a worth over grants: nothing lost, nothing taken that is not there."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.burning import STEP, split
from billing.funds import LeasedGrant
from common.ids import uuid7

amounts = st.decimals(0, 10**6, places=12)
held = st.lists(
    st.builds(LeasedGrant, st.uuids(), st.sampled_from(["money", "tokens"]), amounts), max_size=5
)


@given(held, amounts, amounts)
def test_the_parts_sum_up_to_the_worth(grants, money, tokens):
    result = split(grants, money=money, tokens=tokens)

    assert sum(a.amount for a in result.allocations) + result.uncovered == money
    assert result.uncovered >= 0
    assert all(a.amount >= 0 for a in result.allocations)


@given(held, amounts, amounts)
def test_no_grant_gives_more_than_it_has(grants, money, tokens):
    has = {grant.grant_id: grant.quantity for grant in grants}

    for allocation in split(grants, money=money, tokens=tokens).allocations:
        assert 0 <= allocation.quantity <= has[allocation.grant_id]
        assert allocation.quantity or allocation.amount
        assert allocation.quantity.as_tuple().exponent >= STEP.as_tuple().exponent


@given(held, amounts, amounts, st.fractions(0, 1), st.fractions(0, 1))
def test_what_was_reserved_for_the_worst_case_always_pays_the_real_one(
    grants, money, tokens, spent, used
):
    worst = split(grants, money=money, tokens=tokens)
    units = {grant.grant_id: grant.unit for grant in grants}
    leased = [LeasedGrant(a.grant_id, units[a.grant_id], a.quantity) for a in worst.allocations]
    real = part(money, spent), part(tokens, used)

    covered = split(leased, money=real[0], tokens=real[1])

    assert worst.uncovered or not covered.uncovered


def part(whole, fraction):
    exact = whole * fraction.numerator / fraction.denominator
    return min(exact.quantize(STEP), whole)


def test_what_weighs_nothing_is_covered_by_tokens():
    grants = [LeasedGrant(uuid7(), "tokens", Decimal(5)), LeasedGrant(uuid7(), "money", Decimal(5))]

    result = split(grants, money=Decimal(2), tokens=Decimal(0))

    assert [(a.quantity, a.amount) for a in result.allocations] == [(0, 2)]
    assert result.uncovered == 0


def test_tokens_cover_their_share_of_the_money():
    tokens, money = (
        LeasedGrant(uuid7(), "tokens", Decimal(1)),
        LeasedGrant(uuid7(), "money", Decimal(10)),
    )

    result = split([money, tokens], money=Decimal(1), tokens=Decimal(3))

    assert [(a.grant_id, a.quantity, a.amount) for a in result.allocations] == [
        (tokens.grant_id, Decimal(1), Decimal("0.333333333333")),
        (money.grant_id, Decimal("0.666666666667"), Decimal("0.666666666667")),
    ]
