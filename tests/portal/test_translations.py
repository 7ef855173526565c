"""Every text is there in every language, with the places for its values kept."""

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from portal.translations import LOCALE, compile_file

SOURCES = sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def catalogue(source):
    """Return the messages of a language."""
    with source.open("rb") as file:
        return read_po(file)


def texts(message):
    """Return what the language says, a text per plural form."""
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_the_languages_on_offer_are_there():
    assert [source.parent.parent.name for source in SOURCES] == ["ar", "fr"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.parent.parent.name)
def test_no_text_is_missing_or_doubtful(source):
    messages = [message for message in catalogue(source) if message.id]

    assert [message.id for message in messages if not all(texts(message))] == []
    assert [message.id for message in messages if message.fuzzy] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.parent.parent.name)
def test_the_places_for_values_are_kept(source):
    found = catalogue(source)

    wrong = [(message.id, str(error)) for message in found for error in message.check(found)]
    assert wrong == []


def test_what_is_compiled_says_the_same(tmp_path):
    source = tmp_path / "django.po"
    source.write_bytes(SOURCES[-1].read_bytes())

    with compile_file(source).open("rb") as file:
        compiled = read_mo(file)

    assert compiled["API keys"].string == catalogue(SOURCES[-1])["API keys"].string
