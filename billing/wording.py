"""Amounts in words, where the law asks for them on documents."""

from decimal import Decimal

from babel import Locale
from babel.numbers import get_currency_name
from num2words import num2words

from common.money import Money, minor_digits

#: The languages an operator may choose for them.
LANGUAGES = {"fr": "Français", "ar": "العربية", "ru": "Русский", "kk": "Қазақша", "en": "English"}
#: What the minor unit is called, as Unicode's plural forms ask for it; without a name it is written
#: as a fraction.
MINOR_NAMES = {
    ("fr", "EUR"): {"one": "centime", "other": "centimes"},
    ("en", "EUR"): {"one": "cent", "other": "cents"},
    ("ar", "EUR"): {"other": "سنت"},
    ("ru", "EUR"): {"one": "цент", "few": "цента", "other": "центов"},
    ("kk", "EUR"): {"other": "цент"},
    ("fr", "USD"): {"one": "cent", "other": "cents"},
    ("en", "USD"): {"one": "cent", "other": "cents"},
    ("ar", "USD"): {"other": "سنت"},
    ("ru", "USD"): {"one": "цент", "few": "цента", "other": "центов"},
    ("kk", "USD"): {"other": "цент"},
    ("fr", "TND"): {"one": "millime", "other": "millimes"},
    ("en", "TND"): {"one": "millime", "other": "millimes"},
    ("ar", "TND"): {"other": "مليم"},
    ("fr", "MAD"): {"one": "centime", "other": "centimes"},
    ("ar", "MAD"): {"other": "سنتيم"},
    ("fr", "DZD"): {"one": "centime", "other": "centimes"},
    ("ar", "DZD"): {"other": "سنتيم"},
    ("ru", "KZT"): {"one": "тиын", "few": "тиына", "other": "тиынов"},
    ("kk", "KZT"): {"other": "тиын"},
}
AND = {"fr": "et", "en": "and", "ar": "و", "ru": "и", "kk": "және"}
#: num2words calls Kazakh by its country.
SPOKEN = {"kk": "kz"}


def in_words(money: Money, language: str) -> str:
    """Return the amount to its last minor unit: “douze euros et cinq centimes”."""
    rounded = money.rounded().amount
    if rounded < 0:
        raise ValueError("documents in words ask for nothing below zero")
    digits = minor_digits(money.currency)
    whole = int(rounded)
    minor = int((rounded - whole).scaleb(digits))
    name = get_currency_name(money.currency, count=whole, locale=language)
    words = f"{_spoken(whole, language)} {name}"
    return f"{words} {AND[language]} {_minor(money, minor, digits, language)}" if minor else words


def _minor(money: Money, minor: int, digits: int, language: str) -> str:
    names = MINOR_NAMES.get((language, money.currency))
    if names is None:
        return f"{minor}/{Decimal(10) ** digits}"
    form = Locale.parse(language).plural_form(minor)
    return f"{_spoken(minor, language)} {names.get(form, names['other'])}"


def _spoken(number: int, language: str) -> str:
    return str(num2words(number, lang=SPOKEN.get(language, language)))
