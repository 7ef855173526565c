"""Files that are no JSON Lines, made into them as they are uploaded."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from django.core.files import File
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from studio.errors import NotImported
from studio.mending import fixes
from studio.mending.mending import Tally, mend
from studio.mending.sources import TABLES, Record, records
from studio.services.mending import write
from studio.validation import foreign
from studio.validation.decoding import decode
from studio.validation.problems import Unusable

#: What is converted while its sender waits.
LARGEST = 64 * 1024 * 1024
#: What is taken beside JSON Lines.
SUFFIXES = (".json", *TABLES)
#: Of a table that fits nothing, so many columns are named.
NAMED = 12


@contextmanager
def as_lines(sent: File[Any], columns: Mapping[str, str]) -> Iterator[tuple[File[Any], str]]:
    """Open the file as JSON Lines, with its name; ``columns`` names those of a table.

    JSON Lines stay as they are, byte for byte. Raises ``NotImported`` where a file cannot be read, or
    where nobody says which columns of a table are question and answer.
    """
    path = PurePath(sent.name or "")
    if (suffix := path.suffix.lower()) not in SUFFIXES:
        yield sent, str(path)
        return
    if sent.size > LARGEST:
        words = _("Files that are to be converted have %(limit)s at most; larger ones as *.jsonl.")
        raise NotImported(words % {"limit": filesizeformat(LARGEST)})
    with tempfile.TemporaryFile() as made:
        try:
            found = _whole(records(sent, suffix=suffix))
            if suffix in TABLES:
                found = _renamed(found, columns)
            write(mend(found, fixes.chosen(["convert"]), Tally()), made)
        except Unusable as error:
            raise NotImported(_("The file cannot be read: %(why)s.") % {"why": error}) from None
        yield File(made), f"{path.stem}.jsonl"


def _whole(found: Iterator[Record]) -> Iterator[bytes]:
    """Yield the records, and nothing of a file of which some cannot be read."""
    for record in found:
        if isinstance(record, Unusable):
            raise record
        yield record


def _renamed(rows: Iterator[bytes], columns: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the rows with their columns called as questions and answers are."""
    for number, record in enumerate(rows):
        row = decode(record)
        if number == 0:
            _check(row, columns)
        named = {usual: row[name] for usual, name in columns.items() if row.get(name)}
        rest = {} if columns else row
        yield json.dumps({**rest, **named}, ensure_ascii=False).encode()


def _check(row: dict[str, Any], columns: Mapping[str, str]) -> None:
    unknown = [name for name in columns.values() if name not in row]
    names = dict.fromkeys(row, "x")
    is_clear = {"prompt", "completion"} <= set(columns) or foreign.recognised(names)
    if unknown or not is_clear:
        known = ", ".join(f"“{name}”" for name in list(row)[:NAMED])
        raise NotImported(
            _("Say which columns hold the question and the answer. There are: %(known)s.")
            % {"known": known}
        )
