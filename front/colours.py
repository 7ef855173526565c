"""Colours that can be read: the shades of the operator's accent, and their contrast."""

from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
#: The surfaces an accent stands on, as tokens.css has them: the hardest one of each theme.
LIGHT_SURFACE: Colour = (240, 242, 245)
DARK_SURFACE: Colour = (27, 34, 44)
FALLBACK: Colour = (11, 95, 255)
#: WCAG 2.2 AA for text.
ENOUGH = 4.5
#: From here on a filled shape stands out of the page: in the light its border helps, in the dark not.
SEEN_IN_LIGHT, SEEN_IN_DARK = 1.2, 3.0

SHEET = """:root {{
  --accent: light-dark({light}, {dark});
  --accent-fill: light-dark({light_fill}, {dark_fill});
  --accent-fill-hover: light-dark({light_hover}, {dark_hover});
  --accent-on: light-dark({light_on}, {dark_on});
  --accent-tint: light-dark({light_tint}, {dark_tint});
}}
"""


def parse(text: str) -> Colour:
    """Read ``#rrggbb``; anything else is our own blue."""
    digits = text.removeprefix("#")
    try:
        number = int(digits, 16) if len(digits) == 6 else -1
    except ValueError:
        number = -1
    if number < 0:
        return FALLBACK
    return number >> 16, number >> 8 & 255, number & 255


def mix(colour: Colour, other: Colour, percent: int) -> Colour:
    """Return the colour with so many percent of the other in it."""
    red, green, blue = (
        (own * (100 - percent) + its * percent) // 100
        for own, its in zip(colour, other, strict=True)
    )
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """Return WCAG's contrast ratio of two colours, from 1 to 21."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def readable(colour: Colour, surface: Colour, *, towards: Colour, tint: int) -> Colour:
    """Move the colour towards black or white until it reads on the surface and on its own tint."""
    for percent in range(0, 101, 2):
        shade = mix(colour, towards, percent)
        grounds = (surface, mix(surface, shade, tint))
        if all(contrast(shade, ground) >= ENOUGH for ground in grounds):
            return shade
    return towards


def ink_on(colour: Colour) -> Colour:
    """Return white or black, whichever reads on the colour; one of them always does."""
    return WHITE if contrast(WHITE, colour) >= ENOUGH else BLACK


def shades(accent: str) -> dict[str, str]:
    """Return the accent's shades for both themes, by name.

    Text in the accent is moved until it reads. What is filled with it keeps the very colour where
    that can be seen on the page; the words on it are then white or black.
    """
    colour = parse(accent)
    light = readable(colour, LIGHT_SURFACE, towards=BLACK, tint=7)
    dark = readable(colour, DARK_SURFACE, towards=WHITE, tint=14)
    light_fill = colour if contrast(colour, LIGHT_SURFACE) >= SEEN_IN_LIGHT else light
    dark_fill = colour if contrast(colour, DARK_SURFACE) >= SEEN_IN_DARK else dark
    return {
        "light": _hex(light),
        "dark": _hex(dark),
        "light_fill": _hex(light_fill),
        "dark_fill": _hex(dark_fill),
        "light_on": _hex(ink_on(light_fill)),
        "dark_on": _hex(ink_on(dark_fill)),
        "light_hover": _hex(_deeper(light_fill)),
        "dark_hover": _hex(_deeper(dark_fill)),
        "light_tint": _hex(mix(LIGHT_SURFACE, light, 7)),
        "dark_tint": _hex(mix(DARK_SURFACE, dark, 14)),
    }


def style_sheet(accent: str) -> str:
    """Return the accent's shades for both themes as custom properties."""
    return SHEET.format(**shades(accent))


def _deeper(fill: Colour) -> Colour:
    """Return a shade of the fill on which its words read even better."""
    return mix(fill, BLACK if ink_on(fill) == WHITE else WHITE, 15)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
