"""How amounts and shares read."""

from decimal import Decimal
from html import unescape

import pytest
from django.utils import translation
from django.utils.html import strip_tags

from common.money import Money
from common.templatetags import formats


def read(shown):
    """Return the visible words, with plain spaces and signs."""
    words = unescape(strip_tags(shown))
    return words.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0", "EUR", "0.00 EUR"),
        ("0.005", "EUR", "0.01 EUR"),
        ("0.004999", "EUR", "< 0.01 EUR"),
        ("0.000000000001", "EUR", "< 0.01 EUR"),
        ("-0.004", "EUR", "> -0.01 EUR"),
        ("-0.006", "EUR", "-0.01 EUR"),
        ("0.0004", "KWD", "< 0.001 KWD"),
        ("0.4", "JPY", "< 1 JPY"),
    ],
)
def test_something_is_never_shown_as_nothing(amount, currency, shown):
    found = formats.money(Money(Decimal(amount), currency))

    assert read(found) == shown
    assert f'value="{Decimal(amount):f}"' in found


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("29.9992", "29.99 EUR"),
        ("30", "30.00 EUR"),
        ("0.009", "< 0.01 EUR"),
        ("0", "0.00 EUR"),
        ("-0.001", "-0.01 EUR"),
    ],
)
def test_what_is_left_is_never_shown_as_more(amount, shown):
    assert read(formats.left(Money(Decimal(amount), "EUR"))) == shown


def test_the_least_amount_is_written_as_the_language_does():
    with translation.override("fr"):
        assert read(formats.money(Money(Decimal("0.001"), "EUR"))) == "< 0,01 EUR"


@pytest.mark.parametrize(
    ("share", "shown"),
    [("0.125", "+12.5 %"), ("-0.03", "-3 %"), ("0", "0 %"), ("0.0001", "0 %")],
)
def test_a_change_has_a_sign(share, shown):
    assert read(formats.change(Decimal(share))) == shown


def test_a_sign_stays_before_its_number_between_words_from_the_right():
    with translation.override("ar"):
        assert formats.change(Decimal("-0.125")) == "\u200e\u221212,5\u00a0%\u200e"
        assert formats.percent(Decimal("0.125")) == "\u200e12,5\u00a0%\u200e"
        assert formats.per_cent(Decimal("99.95")) == "\u200e99,95\u00a0%\u200e"


def test_a_change_from_nothing_is_no_share():
    assert formats.change(None) == "—"


@pytest.mark.parametrize(
    ("language", "name"), [("en", "March 2026"), ("fr", "mars 2026"), ("ar", "مارس 2026")]
)
def test_a_month_is_named_as_the_language_names_it(language, name):
    with translation.override(language):
        assert formats.month_name("2026-03") == name


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "a, b, and c"), ("fr", "a, b et c"), ("ar", "a وb وc"), ("kk", "a, b, c")],
)
def test_items_are_listed_as_the_language_lists_them(language, written):
    with translation.override(language):
        assert formats.listed(iter(["a", "b", "c"])) == written
        assert formats.listed([]) == ""
