"""Reads CAMT.053 (ISO 20022) of any version: the names of elements count, not their namespace."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from lxml import etree

from billing.bank import lines
from billing.bank.lines import Line, Statement, UnreadableStatement, clean

#: Entities are not resolved and nothing is fetched: the file is a stranger's.
_PARSER = {"resolve_entities": False, "no_network": True, "huge_tree": False}
BOOKED = ("BOOK", "")


def read(data: bytes) -> Statement:
    """Return the statement, or raise ``UnreadableStatement``."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise UnreadableStatement("a statement has no document type of its own")
    try:
        root = etree.fromstring(data, etree.XMLParser(**_PARSER))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableStatement(f"this is no XML: {error}"[:200]) from error
    statements = list(_all(root, "BkToCstmrStmt", "Stmt"))
    if not statements:
        raise UnreadableStatement("there is no BkToCstmrStmt/Stmt in it: is it a CAMT.053?")
    accounts = {
        _text(it, "Acct", "Id", "IBAN") or _text(it, "Acct", "Id", "Othr", "Id")
        for it in statements
    }
    if len(accounts) != 1 or not (account := accounts.pop()):
        raise UnreadableStatement("it does not tell of exactly one account")
    found = [line for it in statements for entry in _all(it, "Ntry") for line in _lines(entry)]
    return Statement(account, found)


def _lines(entry: etree._Element) -> Iterator[Line]:
    """Yield an entry's movements: one, or each of those that it sums up."""
    details = list(_all(entry, "NtryDtls", "TxDtls"))
    own = [it for it in details if _find(it, "Amt") is not None]
    if len(details) > 1 and len(own) == len(details):
        for position, each in enumerate(details):
            yield _line(entry, each, each, suffix=f"#{position}")
        return
    yield _line(entry, details[0] if len(details) == 1 else entry, entry, suffix="")


def _line(
    entry: etree._Element, detail: etree._Element, amount: etree._Element, *, suffix: str
) -> Line:
    value, problem = _amount(_text(amount, "Amt"))
    booked, day_problem = _day(
        _text(entry, "BookgDt", "Dt") or _text(entry, "BookgDt", "DtTm")[:10]
    )
    if _text(entry, "CdtDbtInd") == "DBIT" and value is not None:
        value = -value
    if _text(entry, "RvslInd") == "true":
        problem = "the bank took an earlier movement back"
    state = _text(entry, "Sts", "Cd") or _text(entry, "Sts")
    if state not in BOOKED:
        problem = f"the bank has not booked it ({clean(state, 20)})"
    reference = _text(entry, "AcctSvcrRef") or _text(detail, "Refs", "AcctSvcrRef")
    found = _find(amount, "Amt")
    said = [
        *(it.text or "" for it in _all(detail, "RmtInf", "Ustrd")),
        *(it.text or "" for it in _all(detail, "RmtInf", "Strd", "CdtrRefInf", "Ref")),
        _text(detail, "Refs", "EndToEndId"),
        _text(entry, "AddtlNtryInf"),
    ]
    return Line(
        bank_id=clean(reference, 100) + suffix if reference else "",
        booked_on=booked,
        amount=value,
        currency=clean(found.get("Ccy", "") if found is not None else "", 3),
        remitter=clean(
            _text(detail, "RltdPties", "Dbtr", "Nm")
            or _text(detail, "RltdPties", "Dbtr", "Pty", "Nm"),
            140,
        ),
        text=clean(" ".join(said)),
        problem=problem or day_problem,
    )


def _amount(text: str) -> tuple[Decimal | None, str]:
    value = lines.amount(text)
    if value is None or value < 0:
        return None, "its amount cannot be read"
    return value, ""


def _day(text: str) -> tuple[date | None, str]:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, "its day cannot be read"
    return (day, "") if lines.is_of_our_time(day) else (None, "its day cannot be read")


def _all(node: etree._Element, *names: str) -> Iterator[etree._Element]:
    if not names:
        yield node
        return
    for child in node:
        if isinstance(child.tag, str) and etree.QName(child).localname == names[0]:
            yield from _all(child, *names[1:])


def _find(node: etree._Element, *names: str) -> etree._Element | None:
    return next(_all(node, *names), None)


def _text(node: etree._Element, *names: str) -> str:
    found = _find(node, *names)
    return (found.text or "").strip() if found is not None else ""
