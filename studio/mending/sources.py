"""Files as people have them, read as records: JSON Lines, a JSON list, tables; plain Python.

Memory is constant: of the file, a record and a piece are held at a time.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from studio.validation.lines import BOM, LONGEST, PIECE, Readable, TooLong, lines
from studio.validation.problems import Unusable

#: A record that nobody has read yet, or what is wrong with it.
Record = bytes | Unusable
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
BETWEEN = " \t\r\n,"
TABLES = {".csv": ",;\t", ".tsv": "\t"}


class Beginning:
    """A file whose beginning was looked at, read from its beginning nonetheless."""

    def __init__(self, content: Readable) -> None:
        self.seen = content.read(PIECE)
        self._content = content
        self._rest = self.seen

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        if not self._rest:
            return self._content.read(size)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class AsUtf8:
    """UTF-16 text, read as UTF-8."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self._decoder = codecs.getincrementaldecoder("utf-16")()

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; none at the end. More than asked for, as letters may need."""
        while piece := self._content.read(size):
            if text := self._decode(piece):
                return text
        return b""

    def _decode(self, piece: bytes) -> bytes:
        try:
            return self._decoder.decode(piece).encode()
        except UnicodeError:
            raise Unusable("invalid_utf8", "this is neither UTF-8 nor UTF-16") from None


def records(content: Readable, *, suffix: str = ".jsonl") -> Iterator[Record]:
    """Yield what a file of this suffix holds, one example each."""
    begun = Beginning(content)
    if begun.seen.startswith(UTF_16):
        begun = Beginning(AsUtf8(begun))
    if suffix in TABLES:
        return _rows(begun, TABLES[suffix])
    opening = begun.seen.removeprefix(BOM).lstrip()[:2].rstrip()
    is_list = opening.startswith(b"[")
    # One bracket alone on its line: the objects of the file go over several lines.
    return _values(begun) if is_list or opening == b"{" else lines(begun)


def _values(content: Readable) -> Iterator[Record]:
    """Yield the values of a JSON list, or of objects that follow one another, each as a line."""
    reader = json.JSONDecoder()
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    text, is_over, is_open = "", False, False
    while True:
        text = text.lstrip(BETWEEN)
        if not is_open and text.startswith("["):
            text, is_open = text[1:], True
            continue
        if is_over and is_open and not text:
            yield Unusable("invalid_json", "the list has no end")
        if text[:1] == "]" or (is_over and not text):
            return
        try:
            _value, end = reader.raw_decode(text)
        except RecursionError:
            yield Unusable("too_deep", "it is nested too deeply")
            return
        except ValueError as error:
            if is_over or len(text) > LONGEST:
                yield Unusable("invalid_json", f"the list cannot be read any further: {error}")
                return
            piece = content.read(PIECE)
            text, is_over = text + _decoded(decoder, piece), not piece
            continue
        # As it stands: who decodes it refuses keys that stand twice, and numbers that are none.
        value = text[:end].encode("utf-8", "surrogatepass")
        yield TooLong() if len(value) > LONGEST else value
        text = text[end:]


def _decoded(decoder: codecs.IncrementalDecoder, piece: bytes) -> str:
    try:
        return decoder.decode(piece, final=not piece)
    except UnicodeDecodeError:
        raise Unusable("invalid_utf8", "this is not UTF-8") from None


def _rows(content: Readable, separators: str) -> Iterator[Record]:
    """Yield the rows of a table whose first row names the columns, each as an object."""
    text = _text_lines(content)
    head = next(text, "")
    separator = max(separators, key=head.count)
    table = csv.reader(chain([head], text), delimiter=separator, strict=True)
    try:
        names = [name.strip() for name in next(table, [])]
        for row in table:
            if any(row):
                yield json.dumps(_named(names, row), ensure_ascii=False).encode()
    except csv.Error as error:
        yield Unusable("invalid_table", f"row {table.line_num} cannot be read: {error}")


def _named(names: list[str], row: list[str]) -> dict[str, Any]:
    return {name: cell for name, cell in zip(names, row, strict=False) if name}


def _text_lines(content: Readable) -> Iterator[str]:
    """Yield the lines of a text with their ends; line breaks inside quotes are the reader's."""
    buffer = io.TextIOWrapper(io.BufferedReader(_Raw(content), PIECE), "utf-8-sig", newline="")
    try:
        while line := buffer.readline(LONGEST):
            yield line
    except UnicodeDecodeError:
        raise Unusable("invalid_utf8", "this is not UTF-8; save the table as UTF-8") from None


class _Raw(io.RawIOBase):
    """What can be read, as Python's text readers want it."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or self._content.read(len(buffer))
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
