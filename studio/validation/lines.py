"""A file as its lines, in constant memory whatever is in it; plain Python."""

from collections.abc import Iterator
from typing import Protocol

from studio.validation.problems import Unusable

PIECE = 65_536
LONGEST = 1_048_576
BOM = b"\xef\xbb\xbf"
#: How files begin that are no text in UTF-8.
FOREIGN = {
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; export it as JSON Lines",
}


class Readable(Protocol):
    """Something to read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""


class TooLong(Unusable):
    """A line that is longer than any example may be."""

    def __init__(self) -> None:
        super().__init__("line_too_long", f"the line is longer than {LONGEST:,} bytes")


def lines(content: Readable) -> Iterator[bytes | TooLong]:
    r"""Yield each line without its end; of one that is too long nothing is kept.

    Only ``\n`` ends a line: Unicode's other line ends may stand inside a JSON string.
    """
    rest: bytes = _opened(content.read(PIECE))
    is_skipping = False
    while rest:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield TooLong() if is_skipping or len(line) > LONGEST else line.removesuffix(b"\r")
            is_skipping = False
        if len(rest) > LONGEST:
            rest, is_skipping = b"", True
        piece = content.read(PIECE)
        if not piece:
            break
        rest += piece
    if is_skipping or rest:
        yield TooLong() if is_skipping or len(rest) > LONGEST else rest.removesuffix(b"\r")


def _opened(beginning: bytes) -> bytes:
    for mark, what in FOREIGN.items():
        if beginning.startswith(mark):
            raise Unusable("not_json_lines", f"this is {what}")
    if b"\0" in beginning[:4]:
        raise Unusable("not_json_lines", "this is no text in UTF-8")
    return beginning.removeprefix(BOM)
