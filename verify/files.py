"""The files of an export, as they lie in a folder or in a ZIP."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Files:
    """Reads files by their names; long ones line by line."""

    def __init__(self, place: Path) -> None:
        self.folder = place
        self.archive = None if place.is_dir() else zipfile.ZipFile(place)

    def names(self) -> list[str]:
        """Return what there is, in the order of names."""
        if self.archive:
            return sorted(self.archive.namelist())
        return sorted(it.name for it in self.folder.iterdir())

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a text as they stand, without their ends."""
        file = self.archive.open(name) if self.archive else (self.folder / name).open("rb")
        with file, io.TextIOWrapper(file, "utf-8", newline="\n") as text:
            for line in text:
                yield line.removesuffix("\n")

    def json(self, name: str) -> Any:
        """Return a text as JSON."""
        return json.loads("\n".join(self.lines(name)))

    def records(self, name: str) -> Iterator[Any]:
        """Yield each line as JSON."""
        return map(json.loads, self.lines(name))

    def table(self, name: str) -> list[dict[str, str]]:
        """Return the lines of a CSV file by the names of its columns."""
        return list(csv.DictReader(self.lines(name)))
