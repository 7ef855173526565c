"""Reads a bank's CSV: its headings say what stands where; amounts with a point or a comma."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from billing.bank import lines
from billing.bank.lines import Line, Statement, UnreadableStatement, clean

#: What banks write over a column, in small letters.
HEADINGS = {
    "id": ("id", "transaction id", "bank reference", "référence bancaire"),
    "date": ("date", "booking date", "booked on", "date comptable", "buchungstag"),
    "amount": ("amount", "montant", "betrag"),
    "currency": ("currency", "devise", "währung"),
    "remitter": ("name", "remitter", "payer", "counterparty", "nom", "auftraggeber"),
    "text": ("text", "reference", "description", "details", "libellé", "verwendungszweck"),
    "account": ("account", "iban", "compte", "konto"),
}
NEEDED = ("date", "amount", "text")
_DAYS = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")


def read(data: bytes, *, account: str, currency: str) -> Statement:
    """Return the statement; ``account`` and ``currency`` hold where no column says otherwise."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableStatement("it is no text in UTF-8") from error
    if "\0" in text:
        raise UnreadableStatement("it is no text in UTF-8")
    first = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    try:
        columns = _columns(rows.fieldnames or [])
        found = [_line(_cells(row, columns), currency) for row in rows if any(row.values())]
    except csv.Error as error:
        raise UnreadableStatement(f"it cannot be read as CSV: {error}") from error
    return Statement(account, found)


def _columns(names: Sequence[str]) -> dict[str, str]:
    """Return which heading stands for what, or say which one is missing."""
    written = {name.strip().lower(): name for name in names if name}
    found = {
        what: written[heading]
        for what, headings in HEADINGS.items()
        for heading in headings
        if heading in written
    }
    if missing := [what for what in NEEDED if what not in found]:
        raise UnreadableStatement(f"it has no column “{missing[0]}”")
    return found


def _cells(row: Mapping[str, object], columns: Mapping[str, str]) -> dict[str, str]:
    cells = {what: row.get(name) for what, name in columns.items()}
    return {what: cell if isinstance(cell, str) else "" for what, cell in cells.items()}


def _line(cells: Mapping[str, str], currency: str) -> Line:
    amount, day = _amount(cells["amount"]), _day(cells["date"])
    problem = ""
    if amount is None:
        problem = "its amount cannot be read"
    elif day is None:
        problem = "its day cannot be read"
    return Line(
        bank_id=clean(cells.get("id"), 100),
        booked_on=day,
        amount=amount,
        currency=clean(cells.get("currency") or currency, 3).upper(),
        remitter=clean(cells.get("remitter"), 140),
        # Of what cannot be read everything is kept, for whoever looks at it.
        text=clean(" · ".join(it for it in cells.values() if it) if problem else cells["text"]),
        problem=problem,
    )


def _amount(text: str) -> Decimal | None:
    """Return the amount: the last point or comma is the decimal mark, the others group digits."""
    plain = re.sub(r"[\s\u00a0\u202f']", "", text)
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0:
        plain = re.sub(r"[.,]", "", plain[:last]) + "." + plain[last + 1 :]
    return lines.amount(plain)


def _day(text: str) -> date | None:
    for form in _DAYS:
        try:
            day = datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        return day if lines.is_of_our_time(day) else None
    return None
