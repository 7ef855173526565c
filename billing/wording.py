"""Amounts in words, where the law asks for them on documents."""

from decimal import Decimal

from babel.numbers import get_currency_name
from num2words import num2words

from common.money import Money, minor_digits

#: What the minor unit is called; without a name it is written as a fraction.
MINOR_NAMES = {
    ("fr", "EUR"): ("centime", "centimes"),
    ("en", "EUR"): ("cent", "cents"),
    ("ar", "EUR"): ("سنت", "سنت"),
    ("fr", "USD"): ("cent", "cents"),
    ("en", "USD"): ("cent", "cents"),
    ("ar", "USD"): ("سنت", "سنت"),
    ("fr", "TND"): ("millime", "millimes"),
    ("en", "TND"): ("millime", "millimes"),
    ("ar", "TND"): ("مليم", "مليم"),
    ("fr", "MAD"): ("centime", "centimes"),
    ("ar", "MAD"): ("سنتيم", "سنتيم"),
    ("fr", "DZD"): ("centime", "centimes"),
    ("ar", "DZD"): ("سنتيم", "سنتيم"),
}
AND = {"fr": "et", "en": "and", "ar": "و"}


def in_words(money: Money, language: str) -> str:
    """Return the amount to its last minor unit: “douze euros et cinq centimes”."""
    rounded = money.rounded().amount
    if rounded < 0:
        raise ValueError("documents in words ask for nothing below zero")
    digits = minor_digits(money.currency)
    whole = int(rounded)
    minor = int((rounded - whole).scaleb(digits))
    name = get_currency_name(money.currency, count=whole, locale=language)
    words = f"{num2words(whole, lang=language)} {name}"
    return f"{words} {AND[language]} {_minor(money, minor, digits, language)}" if minor else words


def _minor(money: Money, minor: int, digits: int, language: str) -> str:
    names = MINOR_NAMES.get((language, money.currency))
    if names is None:
        return f"{minor}/{Decimal(10) ** digits}"
    return f"{num2words(minor, lang=language)} {names[minor > 1]}"
