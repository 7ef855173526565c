"""A draft's prices as comma-separated values: written, and read back whole or not at all.

A plain price stands as an amount for so many units, as people read it; any other as its definition
in JSON.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from defusedcsv import csv
from django.http import HttpResponse
from django.utils.translation import gettext as _

from common.errors import DomainError
from marketplace import definitions, price_words
from marketplace.errors import PriceFileInvalid
from marketplace.models import Offer, PriceBookVersion
from marketplace.models.prices import TWELFTH_DECIMAL
from marketplace.services.drafting import Place

COLUMNS = ("model", "part", "tier", "amount", "per", "definition")
SIZES = {"1": Decimal(1), "1000": Decimal(1000), "1000000": Decimal(1_000_000)}
#: More than any catalogue has; a file that is longer is the wrong one.
MOST_LINES = 20_000
#: How many wrong lines are named at once.
TOLD = 50
PLAIN = {"model", "unit_amount"}
#: Twelve digits before the point are beyond what any currency needs.
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?", re.ASCII)


class _Wrong(Exception):
    """A field of a line that cannot be read."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(reason)


def write(version: PriceBookVersion) -> str:
    """Return one line for each price that the version says itself."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for line in version.drafts.select_related("offer"):
        place = (line.offer.name, line.token_part, line.service_tier)
        writer.writerow((*place, *_cells(line.token_part, line.definition)))
    return file.getvalue()


def response(version: PriceBookVersion) -> HttpResponse:
    """Return the file as it is downloaded, named by the book and the version's number."""
    sent = HttpResponse(write(version), content_type="text/csv; charset=utf-8")
    name = f"{version.book.code}-{version.number}.csv"
    sent["Content-Disposition"] = f'attachment; filename="{name}"'
    return sent


def _cells(part: str, definition: Mapping[str, Any]) -> tuple[str, str, str]:
    if set(definition) != PLAIN:
        return "", "", json.dumps(definition, sort_keys=True)
    size = price_words.size(part)
    amount = (Decimal(definition["unit_amount"]) * size).normalize()
    return f"{amount:f}", f"{size:f}", ""


def read(content: bytes) -> dict[Place, dict[str, Any]]:
    """Return the prices that a file says; refuse it with the line and the field of each mistake."""
    offers = {offer.name: offer for offer in Offer.objects.all()}
    found: dict[Place, dict[str, Any]] = {}
    faults: list[str] = []
    for number, cells in _lines(content):
        try:
            place, definition = _price(cells, offers)
            if place in found:
                raise _Wrong("part", _("this price stands in the file twice"))
            found[place] = definition
        except _Wrong as wrong:
            facts = {"line": number, "field": wrong.field, "reason": wrong.reason}
            faults.append(_("Line %(line)s, %(field)s: %(reason)s") % facts)
    if not found and not faults:
        faults.append(_("The file has no prices."))
    if faults:
        more = [_("And %s more.") % (len(faults) - TOLD)] if len(faults) > TOLD else []
        raise PriceFileInvalid(field_errors={"file": faults[:TOLD] + more})
    return found


def _lines(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Return the lines by the names of their columns, each with where it stands in the file."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (UnicodeDecodeError, csv.Error):
        raise _refused(_("This is no comma-separated file in UTF-8.")) from None
    header = rows[0][1] if rows else []
    if header != list(COLUMNS):
        raise _refused(_("Line 1 names the columns: %s") % ", ".join(COLUMNS))
    if len(rows) > MOST_LINES:
        raise _refused(_("The file is longer than %s lines.") % MOST_LINES)
    for number, row in rows[1:]:
        yield number, dict(zip(COLUMNS, [*row, *([""] * len(COLUMNS))], strict=False))


def _refused(sentence: str) -> PriceFileInvalid:
    return PriceFileInvalid(field_errors={"file": [sentence]})


def _price(cells: Mapping[str, str], offers: Mapping[str, Offer]) -> tuple[Place, dict[str, Any]]:
    offer = offers.get(cells["model"])
    if offer is None:
        raise _Wrong("model", _("there is no model of this name"))
    definition = _definition(cells)
    try:
        definitions.check(cells["part"], cells["tier"], definition)
    except DomainError as refusal:
        raise _told(refusal, cells) from None
    return Place(offer, cells["part"], cells["tier"]), definition


def _told(refusal: DomainError, cells: Mapping[str, str]) -> _Wrong:
    """Say in which column of the file what the check refused stands."""
    field, reasons = next(iter(refusal.field_errors.items()))
    columns = {"token_part": "part", "service_tier": "tier"}
    price = "definition" if cells["definition"] else "amount"
    return _Wrong(columns.get(field, price), " ".join(str(it) for it in reasons))


def _definition(cells: Mapping[str, str]) -> dict[str, Any]:
    if cells["definition"]:
        if cells["amount"]:
            raise _Wrong("amount", _("stands beside a definition: one of the two"))
        return _parsed(cells["definition"])
    size = SIZES.get(cells["per"])
    if size is None:
        raise _Wrong("per", _("must be one of %(words)s") % {"words": ", ".join(SIZES)})
    unit = _amount(cells["amount"]) / size
    if unit.quantize(TWELFTH_DECIMAL) != unit:
        raise _Wrong("amount", _("has more than twelve decimals for one unit"))
    return {"model": "per_unit", "unit_amount": f"{unit.normalize():f}"}


def _amount(text: str) -> Decimal:
    if not AMOUNT.fullmatch(text) or not Decimal(text):
        raise _Wrong("amount", _("must be a number above zero with a point, such as 0.15"))
    return Decimal(text)


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _Wrong("definition", _("must be a price definition in JSON"))
    return found
