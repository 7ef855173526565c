"""Small pure parts: forms, taxes, amounts, card numbers."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from billing.payments.loopback import cards, currencies, forms, taxes


def rate(percentage, *, inclusive=False):
    return {"percentage": percentage, "inclusive": inclusive}


@pytest.mark.parametrize(
    ("amount", "rates", "tax", "total"),
    [
        (1000, [], 0, 1000),
        (1000, [rate(20.0)], 200, 1200),
        (1005, [rate(10.0)], 101, 1106),  # 100.5 rounds up
        (999, [rate(5.5)], 55, 1054),
        (1200, [rate(20.0, inclusive=True)], 200, 1200),
        (1000, [rate(10.0), rate(2.5)], 125, 1125),
        (1100, [rate(10.0, inclusive=True), rate(5.0)], 150, 1150),
    ],
)
def test_tax_is_rounded_half_up_on_each_line(amount, rates, tax, total):
    amounts = taxes.line_amounts(amount, rates)

    assert (amounts.subtotal, amounts.tax, amounts.total) == (amount, tax, total)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (5000, "eur", "€50.00"),
        (105, "usd", "$1.05"),
        (123456789, "gbp", "£1,234,567.89"),
        (5000, "jpy", "¥5,000"),
        (12340, "tnd", "TND 12.340"),
        (-250, "aed", "-AED 2.50"),
    ],
)
def test_amounts_read_as_people_write_them(amount, currency, text):
    assert currencies.show(amount, currency) == text


@pytest.mark.parametrize("number", [*cards.CARDS, "4929420573595709"])
def test_card_numbers_have_a_check_digit(number):
    assert cards.is_card_number(number)


@pytest.mark.parametrize("number", ["", "4242", "4242424242424241", "424242424242424x", "4" * 20])
def test_other_numbers_are_no_card(number):
    assert not cards.is_card_number(number)


names = st.text("abcdefgh_", min_size=1, max_size=8)
leaves = st.text("ab 1é&=+%[]€/", min_size=1, max_size=8)
trees = st.dictionaries(
    names,
    st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.dictionaries(names, inner, min_size=1, max_size=3),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@given(trees)
def test_what_the_official_client_encodes_is_read_back(tree):
    body = urlencode(list(_api_encode(tree)))

    assert forms.decode(body) == tree
