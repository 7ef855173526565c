"""What countries are called in every language on offer, from Unicode's CLDR.

django-countries brings names of its own, and none in Kazakh.
"""

from collections.abc import Mapping
from functools import cache

from babel import Locale
from django.utils.functional import lazy
from django.utils.translation import get_language, to_locale
from django_countries.data import COUNTRIES


def _name(code: str) -> str:
    return _names(get_language() or "en")[code]


@cache
def _names(language: str) -> Mapping[str, str]:
    names: Mapping[str, str] = Locale.parse(to_locale(language)).territories
    return names


_later = lazy(_name, str)
#: The name of each country, by its ISO 3166 code, in the language that is active when it is read.
NAMES = {code: _later(code) for code in COUNTRIES}
