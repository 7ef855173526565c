"""What a bank statement says, whatever its form. Plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

LONGEST_TEXT = 500


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
