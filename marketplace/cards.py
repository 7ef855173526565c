"""A model's card as blocks: paragraphs, headings and lists. Text stays text; templates escape it."""

import re
from dataclasses import dataclass

BLANK = re.compile(r"\n\s*\n")
HEADING = "## "
ITEM = "- "


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading or a list of lines."""

    kind: str
    lines: list[str]


def blocks(text: str) -> list[Block]:
    """Return the blocks of a card; a blank line ends each."""
    parts = [part.strip() for part in BLANK.split(text.replace("\r\n", "\n"))]
    return [block for part in parts if part for block in _blocks(part.split("\n"))]


def _blocks(lines: list[str]) -> list[Block]:
    """Return what lines without a blank one between them are: a change of kind ends a block too."""
    found: list[Block] = []
    for line in lines:
        kind, words = _line(line)
        if not found or found[-1].kind != kind or kind == "heading":
            found.append(Block(kind, []))
        found[-1].lines.append(words)
    return found


def _line(line: str) -> tuple[str, str]:
    line = line.strip()
    if line.startswith(HEADING):
        return "heading", line.removeprefix(HEADING)
    if line.startswith(ITEM):
        return "list", line.removeprefix(ITEM)
    return "paragraph", line
