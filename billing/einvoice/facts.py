"""The one dictionary of EN 16931 that Factur-X and UBL are both written from.

Its keys are the business terms of the standard (BT-1 is the number, BG-25 the lines), as the
factur-x library takes them.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing import taxes
from billing.counted import GPU_HOURS
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from common.money import minor_digits, round_to_minor

Facts = dict[str, Any]
#: UNTDID 1001: a commercial invoice, and a credit note.
INVOICE, CREDIT_NOTE = "380", "381"
#: UNTDID 4461: a transfer to the account that is named, and a means that nobody defined.
TRANSFER, UNDEFINED = "30", "1"
#: UN/ECE Recommendation 20: one of something, and an hour.
ONE, HOUR = "C62", "HUR"
MILLION = 1_000_000
#: What XML 1.0 cannot carry.
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def of_invoice(invoice: Invoice, lines: Iterable[InvoiceLine], *, time_zone: str = "UTC") -> Facts:
    """Return the dictionary of an invoice, numbered or about to be."""
    # As it was issued: what was paid since changes nothing of the document.
    was_paid = invoice.paid_at is not None and invoice.paid_at <= invoice.issued_at
    paid = invoice.total if was_paid else Decimal(0)
    facts = _common(invoice, INVOICE) | {
        "BT-9": invoice.due_at.date(),
        "BT-72": invoice.issued_at.date(),
        "BG-25": [_line(line, invoice) for line in lines],
        "BT-113": _amount(paid, invoice.currency),
        "BT-115": _amount(invoice.total - paid, invoice.currency),
    }
    if invoice.number:
        facts["BT-83"] = invoice.payment_reference
    if invoice.period_start and invoice.period_end:
        zone = ZoneInfo(time_zone)
        facts["BT-73"] = invoice.period_start.astimezone(zone).date()
        facts["BT-74"] = _last_day(invoice.period_end.astimezone(zone).date())
        facts["BT-72"] = facts["BT-74"]
    return facts


def of_credit_note(note: CreditNote, lines: Iterable[CreditNoteLine]) -> Facts:
    """Return the dictionary of a credit note: its amounts stand above zero, its kind says which."""
    notes = [{"BT-22": _text(note.words)}] if note.words else []
    return _common(note, CREDIT_NOTE) | {
        "BT-72": note.issued_at.date(),
        "BT-20": f"Takes back invoice {note.invoice.number}",
        "BG-1": notes,
        "BG-3": [{"BT-25": note.invoice.number, "BT-26": note.invoice.issued_at.date()}],
        "BG-25": [_credited(line, note) for line in lines],
        "BT-113": _amount(Decimal(0), note.currency),
        "BT-115": _amount(note.total, note.currency),
    }


def _common(paper: Invoice | CreditNote, kind: str) -> Facts:
    iban = paper.seller.get("iban", "")
    facts = {
        "BT-1": paper.number,
        "BT-2": paper.issued_at.date(),
        "BT-3": kind,
        "BT-5": paper.currency,
        "BT-10": _text(paper.buyer_reference),
        "BT-13": _text(paper.purchase_order),
        "BT-81": TRANSFER if iban else UNDEFINED,
        "BT-84": iban,
        "BT-86": paper.seller.get("bic", "") if iban else "",
        "BG-4": _seller(paper.seller),
        "BG-7": _buyer(paper.buyer),
        "BG-23": [_breakdown(paper)],
        "BT-106": _amount(paper.net, paper.currency),
        "BT-109": _amount(paper.net, paper.currency),
        "BT-110": _amount(paper.tax, paper.currency),
        "BT-112": _amount(paper.total, paper.currency),
    }
    return {name: value for name, value in facts.items() if value}


def _breakdown(paper: Invoice | CreditNote) -> Facts:
    facts = {
        "BT-116": _amount(paper.net, paper.currency),
        "BT-117": _amount(paper.tax, paper.currency),
        "BT-118": paper.tax_category,
        "BT-119": _percent(paper.tax_rate),
        "BT-120": _text(paper.tax_reason),
        "BT-121": taxes.REASON_CODES.get(paper.tax_category, ""),
    }
    return {name: value for name, value in facts.items() if value}


def _line(line: InvoiceLine, invoice: Invoice) -> Facts:
    is_hours = line.kind == "usage" and line.part == GPU_HOURS
    is_many = line.kind == "usage" and not is_hours
    # A price is never below zero: what is taken off is so many less of it.
    price, quantity = abs(line.unit_amount), line.quantity
    if line.unit_amount < 0:
        quantity = -quantity
    price, base = (price * MILLION, MILLION) if is_many else (price, 1)
    return _written(
        line.position,
        (line.section and f"{line.section} · {line.description}") or line.description,
        quantity,
        price,
        base,
        line.amount,
        invoice,
        HOUR if is_hours else ONE,
    )


def _credited(line: CreditNoteLine, note: CreditNote) -> Facts:
    sign = Decimal(1).copy_sign(line.amount)
    return _written(line.position, line.description, sign, abs(line.amount), 1, line.amount, note)


def _written(
    position: int,
    name: str,
    quantity: Decimal,
    price: Decimal,
    base: int,
    amount: Decimal,
    paper: Invoice | CreditNote,
    unit: str = ONE,
) -> Facts:
    return {
        "BT-126": str(position),
        "BT-129": _plain(quantity),
        "BT-130": unit,
        "BT-131": _amount(amount, paper.currency),
        "BT-146": _plain(price),
        "BT-149": str(base),
        "BT-151": paper.tax_category,
        "BT-152": _percent(paper.tax_rate),
        "BT-153": _text(name),
    }


def _seller(party: Mapping[str, Any]) -> Facts:
    facts = _party(party, party["address"].splitlines())
    number = party.get("vat_id", "")
    if number:
        facts["vat_identifier" if _is_vat_number(number) else "tax_identifier"] = number
    if party.get("registration_id"):
        facts["legal_identifier"] = _text(party["registration_id"])
    if party.get("email"):
        facts["contacts"] = [{"email": party["email"], "name": facts["name"]}]
    return facts


def _buyer(party: Mapping[str, Any]) -> Facts:
    lines = [party[name] for name in ("line1", "line2") if party.get(name)]
    facts = _party(party, lines or party["address"].splitlines())
    for name, term in (("city", "city"), ("postal_code", "postcode")):
        if party.get(name):
            facts[term] = _text(party[name])
    number = party.get("vat_id", "")
    if number:
        facts["vat_identifier" if _is_vat_number(number) else "legal_identifier"] = number
    return facts


def _party(party: Mapping[str, Any], address: list[str]) -> Facts:
    facts = {"name": _text(party["legal_name"]), "country_code": party["country"]}
    lines = [_text(line) for line in address if line.strip()]
    for at, line in enumerate([*lines[:2], ", ".join(lines[2:])], start=1):
        if line:
            facts[f"addr_l{at}"] = line
    return facts


def _is_vat_number(number: str) -> bool:
    """Whether it begins with its country, as BT-31 and BT-48 must."""
    return number[:2].isalpha() and number[:2].isascii()


def _amount(amount: Decimal, currency: str) -> str:
    return f"{round_to_minor(amount, currency):.{minor_digits(currency)}f}"


def _percent(rate: Decimal) -> str:
    return _plain(rate * 100)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _text(words: str) -> str:
    return UNWRITABLE.sub(" ", words).strip()


def _last_day(end: date) -> date:
    return end - timedelta(days=1)
