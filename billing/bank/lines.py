"""What a bank statement says, whatever its form. Plain Python."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

LONGEST_TEXT = 500
#: What the books can hold; no bank writes an exponent.
_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")
#: A movement of another century is a slip or a trap: some calendars end with the year 9999.
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


class UnreadableStatement(ValueError):
    """The file is no statement that we can read; nothing was taken from it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One movement. What cannot be read says why in ``problem``, and a person looks at it."""

    #: The bank's own name for it; empty where it gives none.
    bank_id: str
    booked_on: date | None
    #: Positive is money that came in.
    amount: Decimal | None
    currency: str
    remitter: str
    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """An account and its movements, in the file's order."""

    account: str
    lines: Sequence[Line]


def clean(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """Return the text on one line, without what no database takes."""
    return " ".join((text or "").replace("\0", "").split())[:longest]


def amount(text: str) -> Decimal | None:
    """Return a number as banks write it; None for what is none, or more than the books hold."""
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


def is_of_our_time(day: date) -> bool:
    """Whether money can have moved on this day."""
    return _FIRST <= day < _LAST
