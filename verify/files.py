"""The files of an export, as they lie in a folder or in a ZIP."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: A line of a file is no longer, in characters: what was sealed of six million receipts fits.
LONGEST_LINE = 1 << 28
#: Files that are read at once are no larger, in bytes.
LARGEST = 1 << 26


def parsed(text: str) -> Any:
    """Return JSON as Python has it; no name stands twice in an object."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a name stands twice among {sorted(found)}"[:200])
    return found


class Files:
    """Reads files by their names; long ones line by line."""

    def __init__(self, place: Path) -> None:
        self.folder = place
        self.archive = None if place.is_dir() else zipfile.ZipFile(place)
        names = self.names()
        if len(set(names)) < len(names):
            raise ValueError("a file is in the archive twice")

    def names(self) -> list[str]:
        """Return what there is, in the order of names."""
        if self.archive:
            return sorted(self.archive.namelist())
        return sorted(it.name for it in self.folder.iterdir())

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a text as they stand, without their ends."""
        file = self.archive.open(name) if self.archive else (self.folder / name).open("rb")
        with file, io.TextIOWrapper(file, "utf-8", newline="\n") as text:
            while line := text.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise ValueError(f"a line of {name} is too long")
                yield line.removesuffix("\n")

    def json(self, name: str) -> Any:
        """Return a text as JSON."""
        self._check_size(name)
        return parsed("\n".join(self.lines(name)))

    def records(self, name: str) -> Iterator[Any]:
        """Yield each line as JSON."""
        return map(parsed, self.lines(name))

    def table(self, name: str) -> list[dict[str, str]]:
        """Return the lines of a CSV file by the names of its columns."""
        self._check_size(name)
        return list(csv.DictReader(self.lines(name)))

    def _check_size(self, name: str) -> None:
        if self.archive:
            size = self.archive.getinfo(name).file_size
        else:
            size = (self.folder / name).stat().st_size
        if size > LARGEST:
            raise ValueError(f"{name} is too large")
