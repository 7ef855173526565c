"""Tables for spreadsheets: as comma-separated values piece by piece, or as a workbook.

Neither holds anything that a spreadsheet takes for a formula. Numbers are written plainly, to the
last digit, moments in UTC.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any

import xlsxwriter
from defusedcsv import csv
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _
from xlsxwriter.worksheet import Worksheet

from common import streams
from common.errors import DomainError

Cell = str | int | Decimal | date | datetime | None

BATCH = 1000
PIECE = 64 * 1024
#: What a workbook's page holds, its heading included.
MOST_ROWS = 1_048_576
#: So many digits of a number a spreadsheet keeps.
DIGITS = 15
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class TooLong(DomainError):
    """A workbook cannot hold so many rows."""

    code = "too_many_rows"
    status = 422
    detail = _("A workbook holds 1,048,575 rows at most. Choose fewer days, or CSV.")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table under a name; its rows are read as they are written."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def served(request: HttpRequest, sheet: Sheet, form: str) -> StreamingHttpResponse:
    """Answer with the table as a file of the form; a workbook that would be too long is refused."""
    pieces = _csv(sheet) if form == "csv" else _xlsx(sheet)
    return StreamingHttpResponse(
        streams.served(request, pieces),
        content_type=TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{sheet.name}.{form}"'},
    )


class _Echo:
    """A file that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv(sheet: Sheet) -> Iterator[bytes]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(sheet.columns).encode()
    rows = iter(sheet.rows)
    while batch := list(islice(rows, BATCH)):
        yield "".join(writer.writerow([_plain(cell) for cell in row]) for row in batch).encode()


def _xlsx(sheet: Sheet) -> Iterator[bytes]:
    # On disk, and closed by whoever reads it to its end or drops it.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        page = book.add_worksheet(sheet.name[:31])
        bold = book.add_format({"bold": True})
        for at, word in enumerate(sheet.columns):
            page.write_string(0, at, word, bold)
        for number, row in enumerate(sheet.rows, start=1):
            if number >= MOST_ROWS:
                raise TooLong
            for at, cell in enumerate(row):
                _write(page, number, at, cell)
    file.seek(0)
    return _pieces(file)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _write(page: Worksheet, row: int, at: int, cell: Cell) -> None:
    if isinstance(cell, (int, Decimal)) and len(Decimal(cell).as_tuple().digits) <= DIGITS:
        page.write_number(row, at, Decimal(_plain(cell)))
    else:
        page.write_string(row, at, _plain(cell))


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    return str(cell)
