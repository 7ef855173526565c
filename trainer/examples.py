"""The examples of a training file, and whether it is the file that was promised."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import BadInput, NoInput

BOM = b"\xef\xbb\xbf"


def read(path: Path, sha256: str) -> Iterator[dict[str, Any]]:
    r"""Yield each example; refuse, at the end, a file that is not the one that was checked.

    The check (``studio.validation``) has been strict about every line, so nothing is said of one
    here but its number. Only ``\n`` ends a line.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                digest.update(line)
                text = line.removeprefix(BOM).strip()
                if text:
                    yield _example(text, number)
    except FileNotFoundError:
        raise NoInput("the training file is not there") from None
    if sha256 != digest.hexdigest():
        raise BadInput("the training file is not the one that was checked", code="file_changed")


def _example(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"line {number} of the training file is no example")
    return found
