"""A document in every form it can be taken away in, all made of the same lines."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import xlsxwriter
from defusedcsv import csv
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from xlsxwriter.worksheet import Worksheet

from billing import electronic
from billing.documents import Document, Line
from billing.einvoice import xml
from billing.einvoice.facts import Facts
from common.errors import NotFound

COLUMNS = (
    "section", "description", "kind", "quantity", "unit_price", "exact_amount", "amount",
    "currency", "unit", "seconds",
)  # fmt: skip
#: What a line's quantity counts, in so many words, and where that is hours: their seconds.
ONE, HOUR = "one", "GPU-hour"
SUBTOTALS = ("section", "amount", "currency")
#: A workbook keeps so many digits of a number; what has more is written as text.
DIGITS = 15
Cell = str | Decimal
#: Its name, the words above its columns, and its rows.
Sheet = tuple[str, Sequence[str], Sequence[Sequence[Cell]]]


@dataclass(frozen=True, slots=True)
class Form:
    """One form: what people call it, the end of its file's name, and what makes it."""

    label: StrOrPromise
    suffix: str
    content_type: str
    make: Callable[[Document], bytes]
    #: Whether the seller has to write electronic invoices, and the document to be numbered.
    is_electronic: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A document as a file."""

    name: str
    content_type: str
    content: bytes


def offered(document: Document) -> list[tuple[str, StrOrPromise]]:
    """Return the forms in which this document can be had: the word of each, and its label."""
    has_facts = bool(document.seller.get("is_electronic")) and not document.is_draft
    return [
        (word, form.label) for word, form in FORMS.items() if has_facts or not form.is_electronic
    ]


def file(document: Document, word: str) -> File:
    """Return the document in a form; one that it cannot be had in does not exist."""
    form = FORMS.get(word)
    if form is None or word not in dict(offered(document)):
        raise NotFound
    name = document.file_name.removesuffix(".pdf")
    return File(f"{name}{form.suffix}", form.content_type, form.make(document))


def _ubl(document: Document) -> bytes:
    return xml.ubl(_facts(document))


def _facturx(document: Document) -> bytes:
    return xml.facturx(_facts(document))


def _facts(document: Document) -> Facts:
    found = electronic.facts_of(document)
    if found is None:
        raise NotFound
    return found


def _csv(document: Document) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows([_plain(cell) for cell in cells] for cells in _rows(document.lines))
    return file.getvalue().encode()


def _xlsx(document: Document) -> bytes:
    """Return a workbook: the lines, what each section comes to if there are any, and the totals."""
    file = io.BytesIO()
    # Nothing in it is read as a formula or an address, whatever a description begins with.
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        bold = book.add_format({"bold": True})
        for name, header, rows in _sheets(document):
            sheet = book.add_worksheet(name)
            for at, word in enumerate(header):
                sheet.write_string(0, at, word, bold)
            for row, cells in enumerate(rows, start=1):
                for at, cell in enumerate(cells):
                    _write(sheet, row, at, cell)
            sheet.freeze_panes(1, 0)
            sheet.autofit()
    return file.getvalue()


def _sheets(document: Document) -> Iterator[Sheet]:
    yield "Lines", COLUMNS, _rows(document.lines)
    if document.is_divided:
        yield "Sections", SUBTOTALS, _subtotals(document)
    yield "Totals", ("name", "value"), _totals(document)


def _write(sheet: Worksheet, row: int, at: int, cell: Cell) -> None:
    if isinstance(cell, Decimal) and len(cell.as_tuple().digits) <= DIGITS:
        sheet.write_number(row, at, Decimal(_plain(cell)))
    else:
        sheet.write_string(row, at, _plain(cell))


def _rows(lines: Iterable[Line]) -> list[tuple[Cell, ...]]:
    return [
        (
            line.section,
            line.description,
            line.kind,
            line.quantity,
            line.unit.amount.normalize(),
            line.exact.amount.normalize(),
            line.amount.rounded().amount,
            line.amount.currency,
            ONE if line.seconds is None else HOUR,
            "" if line.seconds is None else line.seconds,
        )
        for line in lines
    ]


def _subtotals(document: Document) -> list[tuple[Cell, ...]]:
    return [
        (section.title, section.subtotal.rounded().amount, section.subtotal.currency)
        for section in document.sections
    ]


def _totals(document: Document) -> list[tuple[str, Cell]]:
    return [
        ("reference", document.reference),
        ("seller", document.seller["legal_name"]),
        ("buyer", document.buyer["legal_name"]),
        ("currency", document.total.currency),
        ("net", document.net.rounded().amount),
        ("tax_rate", document.tax_rate.normalize()),
        ("tax_category", document.tax_category),
        ("tax_reason", document.tax_reason),
        ("tax", document.tax.rounded().amount),
        ("total", document.total.rounded().amount),
    ]


def _plain(cell: Cell) -> str:
    return f"{cell:f}" if isinstance(cell, Decimal) else cell


XML = "application/xml; charset=utf-8"
FORMS: Mapping[str, Form] = {
    "ubl": Form(_("UBL 2.1 (XML)"), "-ubl.xml", XML, _ubl, is_electronic=True),
    "facturx": Form(_("Factur-X (XML)"), "-facturx.xml", XML, _facturx, is_electronic=True),
    "xlsx": Form(
        _("Excel"),
        ".xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _xlsx,
    ),
    "csv": Form(_("CSV"), ".csv", "text/csv; charset=utf-8", _csv),
}
