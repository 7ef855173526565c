"""Every text is there in every language, with the places for its values kept."""

import ast
import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from io import BytesIO

import pytest
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import formats, translation
from django.utils.translation.template import templatize
from django_countries import countries

from portal.translations import LIBRARY_TEXTS, LOCALE, ROOT, compile_file

SOURCES = sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))
LANGUAGES = [source.parent.parent.name for source in SOURCES]
#: Which arguments of a function are texts, as Babel has it; "c" is a context.
FUNCTIONS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3), "npgettext_lazy": ((1, "c"), 2, 3),
}  # fmt: skip
ELSEWHERE = {"tests", "benchmarks", "node_modules", "locale", "static"}


def catalogue(source):
    """Return the messages of a language."""
    with source.open("rb") as file:
        return read_po(file)


def texts(message):
    """Return what the language says, a text per plural form."""
    return [message.string] if isinstance(message.string, str) else list(message.string)


def identity(message, context=None):
    """Return what tells a text from others: its context and its (first) English form."""
    return context, message if isinstance(message, str) else message[0]


def files(*patterns):
    """Return our own files; what is installed or tested is none of them."""
    own = [
        it
        for it in ROOT.iterdir()
        if it.is_dir() and it.name not in ELSEWHERE and it.name[0] != "."
    ]
    return [path for folder in own for pattern in patterns for path in folder.rglob(pattern)]


TEMPLATES = [it for it in files("*.html", "*.txt") if "templates" in it.parts]


def sources_of_texts():
    """Yield every file that may say something, as Python that marks its texts."""
    for path in files("*.py"):
        yield path.read_bytes()
    for path in TEMPLATES:
        # In brackets, lines may begin where they like.
        yield f"({templatize(path.read_text('utf-8'), origin=str(path))}\n)".encode()


@pytest.fixture(scope="module")
def said():
    """Return every text that the code and the templates mark."""
    return {
        identity(message, context)
        for source in sources_of_texts()
        for _line, message, _notes, context in extract("python", BytesIO(source), FUNCTIONS)
    }


def test_the_languages_on_offer_are_there():
    assert LANGUAGES == ["ar", "fr", "kk", "ru"]
    assert sorted(["en", *LANGUAGES]) == sorted(code for code, _name in settings.LANGUAGES)


@pytest.mark.parametrize("source", SOURCES, ids=LANGUAGES)
def test_nothing_is_said_that_a_language_does_not_know(source, said):
    known = {identity(message.id, message.context) for message in catalogue(source) if message.id}

    assert len(said) > 3000
    assert sorted(text for _context, text in said - known) == []


@pytest.mark.parametrize("source", SOURCES, ids=LANGUAGES)
def test_no_text_is_missing_or_doubtful(source):
    messages = [message for message in catalogue(source) if message.id]

    assert [message.id for message in messages if not all(texts(message))] == []
    assert [message.id for message in messages if message.fuzzy] == []


@pytest.mark.parametrize(
    "source", [*SOURCES, *LIBRARY_TEXTS.glob("*/LC_MESSAGES/*.po")], ids=lambda it: it.parts[-4:-2]
)
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


def test_dates_are_written_as_the_language_writes_them():
    """A month's name changes with the day before it in Russian: each language has its own format."""
    own = [it for it in TEMPLATES if "j F Y" in it.read_text("utf-8")]

    assert own == []


@pytest.mark.parametrize(
    ("language", "day", "number", "country"),
    [
        ("en", "5 March 2026", "1.5", "Kazakhstan"),
        ("fr", "5 mars 2026", "1,5", "Kazakhstan"),
        ("ar", "5 مارس 2026", "1,5", "كازاخستان"),
        ("ru", "5 марта 2026", "1,5", "Казахстан"),
        ("kk", "2026 ж. 5 Наурыз", "1,5", "Қазақстан"),
    ],
)
def test_days_numbers_and_countries(language, day, number, country):
    with translation.override(language):
        assert formats.date_format(date(2026, 3, 5), "DATE_FORMAT") == day
        assert formats.localize(Decimal("1.5")) == number
        assert countries.name("KZ") == country


class Words(HTMLParser):
    """Collects what a template shows as it stands: words between tags and in spoken attributes."""

    UNSPOKEN = frozenset({"script", "style", "code", "pre", "kbd", "samp", "svg", "bdi"})
    SPOKEN = frozenset({"title", "placeholder", "aria-label", "alt"})

    def __init__(self):
        super().__init__()
        self.found = []
        self.silent = 0

    def handle_starttag(self, tag, attrs):
        self.silent += tag in self.UNSPOKEN
        self.found += [value for name, value in attrs if name in self.SPOKEN and value]

    def handle_endtag(self, tag):
        self.silent -= tag in self.UNSPOKEN

    def handle_data(self, data):
        if not self.silent:
            self.found.append(data)


#: Names that are the same in every language, and classes that blocks hand to a base template.
UNTRANSLATED = {"CSV", "OpenAPI", "SHA-256", "UTC", "XLSX", "page-console", "page-staff"}
TAGS = re.compile(
    r"{%\s*blocktranslate.*?{%\s*endblocktranslate\s*%}|{%\s*comment.*?endcomment\s*%}|{#.*?#}|{%.*?%}|{{.*?}}",
    re.DOTALL,
)


@pytest.mark.parametrize(
    "path",
    [it for it in files("*.html") if "loopback" not in it.parts and it.name != "styleguide.html"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_word_on_a_page_stands_outside_the_translations(path):
    words = Words()
    words.feed(TAGS.sub("", path.read_text("utf-8")))

    shown = {it for text in words.found for it in re.findall(r"[A-Za-z][\w-]+", text)}
    assert shown - UNTRANSLATED == set()


def test_no_text_is_marked_where_nobody_looks_for_it():
    """What collects texts does not look inside f-strings."""
    assert [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in files("*.py")
        for formatted in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(formatted, ast.JoinedStr)
        for call in ast.walk(formatted)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in FUNCTIONS
    ] == []
