"""What changes in an example, line by line, as pages show it."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from studio.mending.mending import Change

#: Lines around what is different.
AROUND = 2
#: So much of an example is shown.
MOST_LINES = 60
MOST_LETTERS = 400


@dataclass(frozen=True, slots=True)
class Line:
    """A line that went, came or stayed."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An example that is different, or not there any more."""

    number: int
    lines: Sequence[Line]
    is_out: bool
    is_cut: bool


def shown(change: Change) -> Shown:
    """Return how an example changes; one that is left out is shown as it was."""
    before, after = _pretty(change.before), _pretty(change.after)
    if change.after is None:
        lines = [Line("-", text) for text in before]
    else:
        found = list(difflib.unified_diff(before, after, n=AROUND, lineterm=""))[2:]
        lines = [Line(it[0], it[1:]) for it in found if not it.startswith("@@")]
    cut = [Line(it.sign, it.text[:MOST_LETTERS]) for it in lines[:MOST_LINES]]
    return Shown(change.number, cut, change.after is None, cut != lines)


def _pretty(line: bytes | None) -> list[str]:
    if line is None:
        return [_("This line cannot be read.")]
    try:
        return json.dumps(json.loads(line), indent=2, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        return [line[:MOST_LETTERS].decode("utf-8", "replace")]
