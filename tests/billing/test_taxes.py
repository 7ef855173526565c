"""Which VAT stands on a document, and the total in words."""

from decimal import Decimal

import pytest

from billing import taxes
from billing.taxes import Rates, tax_of
from billing.wording import in_words
from common.money import Money

RATES = Rates(Decimal("0.2"), Decimal("0.055"))


def tax(treatment="automatic", seller="FR", buyer="FR", is_verified=False):
    """Return category and rate."""
    made = tax_of(treatment, seller=seller, buyer=buyer, is_verified=is_verified, rates=RATES)
    return made.category, made.rate


def test_vat_follows_the_countries_and_a_confirmed_number():
    assert tax() == ("S", RATES.standard)
    assert tax(buyer="DE", is_verified=True) == ("AE", 0)
    assert tax(buyer="DE") == ("S", RATES.standard)
    assert tax(buyer="TN", is_verified=True) == ("S", RATES.standard)
    assert tax(is_verified=True) == ("S", RATES.standard)


def test_what_staff_decided_stands_above_the_countries():
    assert tax("reduced") == ("S", RATES.reduced)
    assert tax("exempt") == ("E", 0)
    assert tax("reverse_charge", buyer="TN") == ("AE", 0)
    assert tax("standard", buyer="DE", is_verified=True) == ("S", RATES.standard)
    assert taxes.REASON_CODES["AE"] == "VATEX-EU-AE"


@pytest.mark.parametrize(
    ("amount", "currency", "language", "words"),
    [
        ("1234.05", "EUR", "fr", "mille deux cent trente-quatre euros et cinq centimes"),
        ("1.00", "EUR", "en", "one euro"),
        ("12.345", "TND", "fr", "douze dinars tunisiens et trois cent quarante-cinq millimes"),
        ("1200", "JPY", "en", "one thousand, two hundred Japanese yen"),
        ("2.500", "TND", "ar", "اثنان ديناران تونسيان و خمسمائة مليم"),
        ("3.07", "CHF", "en", "three Swiss francs and 7/100"),
        ("21.22", "EUR", "ru", "двадцать один евро и двадцать два цента"),
        ("2.11", "USD", "ru", "два доллара США и одиннадцать центов"),
        ("5.01", "KZT", "ru", "пять казахских тенге и один тиын"),
        ("1234.05", "KZT", "kk", "бір мың екі жүз отыз төрт Қазақстан теңгесі және бес тиын"),  # noqa: RUF001
    ],
)
def test_amounts_in_words(amount, currency, language, words):
    assert in_words(Money(Decimal(amount), currency), language) == words
