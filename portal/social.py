"""Pictures that stand beside links to public pages: who the operator is, what a model costs."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from PIL import Image, ImageDraw, ImageFont

from front import face
from front.colours import WHITE, Colour, ink_on, mix, parse

WIDTH, HEIGHT, MARGIN = 1200, 630, 80
FONTS = Path("static/vendor/fonts")
#: The file with a script's letters; of Inter, one file has many weights.
INTER = "inter/files/inter-{}-wght-normal.woff2"
ARABIC = "ibm-plex-sans-arabic/files/ibm-plex-sans-arabic-arabic-600-normal.woff2"
DAY = 86_400
INK: Colour = (22, 27, 35)
SOFT: Colour = (80, 90, 104)


@dataclass(frozen=True, slots=True)
class Card:
    """What a picture says: a heading, lines below it, and whose it is."""

    heading: str
    lines: Sequence[str]
    operator: str
    accent: str


def site() -> Card:
    """Return the card of the portal as a whole."""
    operator = face.current()
    return Card(operator.name, [operator.tagline] if operator.tagline else [], "", operator.accent)


def of(heading: str, lines: Sequence[str]) -> Card:
    """Return a card under the operator's name."""
    operator = face.current()
    return Card(heading, list(lines), operator.name, operator.accent)


def png(card: Card) -> bytes:
    """Return the card as PNG; the same card is drawn once a day."""
    key = "social:" + hashlib.sha256(repr(card).encode()).hexdigest()
    found: bytes | None = cache.get(key)
    if found is None:
        found = _drawn(card)
        cache.set(key, found, DAY)
    return found


def _drawn(card: Card) -> bytes:
    image = Image.new("RGB", (WIDTH, HEIGHT), WHITE)
    draw = ImageDraw.Draw(image)
    accent = parse(card.accent)
    draw.rectangle((0, 0, WIDTH, 24), fill=accent)
    _write(draw, card.heading, top=150, size=88, weight=700, colour=INK)
    for number, line in enumerate(card.lines[:3]):
        _write(draw, line, top=300 + 70 * number, size=44, weight=450, colour=SOFT)
    if card.operator:
        box = (0, HEIGHT - 100, WIDTH, HEIGHT)
        draw.rectangle(box, fill=accent)
        ink = mix(ink_on(accent), accent, 0)
        _write(draw, card.operator, top=HEIGHT - 76, size=40, weight=600, colour=ink)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _write(
    draw: ImageDraw.ImageDraw, text: str, *, top: int, size: int, weight: int, colour: Colour
) -> None:
    """Write a line, smaller where it would not fit, from the side its script begins on."""
    name = _file(text)
    room = WIDTH - 2 * MARGIN
    font = _font(name, size, weight)
    while font.getlength(text) > room and size > 24:
        size -= 4
        font = _font(name, size, weight)
    is_arabic = name == ARABIC
    place = (WIDTH - MARGIN if is_arabic else MARGIN, top)
    draw.text(place, text, font=font, fill=colour, anchor="ra" if is_arabic else "la")


def _file(text: str) -> str:
    if any("\u0600" <= letter <= "\u06ff" for letter in text):
        return ARABIC
    if any("\u0400" <= letter <= "\u04ff" for letter in text):
        extended = any(letter not in BASIC_CYRILLIC and letter > "\u03ff" for letter in text)
        return INTER.format("cyrillic-ext" if extended else "cyrillic")
    return INTER.format("latin")


BASIC_CYRILLIC = {chr(code) for code in range(0x0410, 0x0450)} | {"Ё", "ё"}


@lru_cache(maxsize=64)
def _font(name: str, size: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(settings.BASE_DIR / FONTS / name, size)
    if name != ARABIC:
        font.set_variation_by_axes([weight])
    return font
