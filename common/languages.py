"""Texts that are written once in each language of the portal, and read in one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from babel.lists import format_list
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, get_language_info, to_locale


@dataclass(frozen=True, slots=True)
class Said:
    """A text, and the language it is in."""

    text: str
    language: str

    def __str__(self) -> str:
        return self.text

    @property
    def attributes(self) -> SafeString:
        """What an element says of its language; nothing where that is the language of the page."""
        if self.language == get_language():
            return SafeString("")
        return format_html('lang="{}" dir="{}"', self.language, direction(self.language))

    @property
    def marked(self) -> SafeString:
        """Return it for a page, with its language where that is another than the page's."""
        return format_html("<bdi {}>{}</bdi>", self.attributes, self.text)


def said(first: str, others: Mapping[str, str]) -> Said:
    """Return what readers of today's language read: what was written for them, or the first."""
    language = get_language() or settings.LANGUAGE_CODE
    if text := others.get(language, ""):
        return Said(text, language)
    return Said(first, settings.LANGUAGE_CODE)


def listed(items: Iterable[object]) -> str:
    """Write items as a sentence of today's language lists them: ``Text, Image, and Audio``."""
    locale = to_locale(get_language() or settings.LANGUAGE_CODE)
    return format_list([str(item) for item in items], locale=locale)


def direction(code: str) -> str:
    """Return from where a language is read."""
    return "rtl" if get_language_info(code)["bidi"] else "ltr"


def own_name(code: str) -> str:
    """Return what a language is called by those who speak it."""
    return str(get_language_info(code)["name_local"])


def codes() -> list[str]:
    """Return the portal's languages; the first is the one others fall back to."""
    return [code for code, _name in settings.LANGUAGES]


def others() -> list[str]:
    """Return the languages beside the one that others fall back to."""
    return [code for code in codes() if code != settings.LANGUAGE_CODE]
