"""Numbers as price definitions write them, read exactly or refused by field."""

import re
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
HUNDRED = Decimal(100)
#: More digits than any price needs; a longer string is refused before it is parsed.
MAX_DIGITS = 40
#: Python would also read Arabic digits, underscores, exponents and blanks around them.
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


class InvalidPrice(ValueError):
    """A price definition says something that cannot be rated; names the field."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


def decimal(field: str, value: Any) -> Decimal:
    """Read an exact amount or quantity, zero or more, from its string of plain digits."""
    if not isinstance(value, str) or len(value) > MAX_DIGITS or not _PLAIN.fullmatch(value):
        raise InvalidPrice(field, "must be a decimal in a string, such as 0.0000005")
    number = Decimal(value)
    if number < 0:
        raise InvalidPrice(field, "must be zero or more")
    return number


def above_zero(field: str, value: Any) -> Decimal:
    """Read the same, but not zero."""
    number = decimal(field, value)
    if not number:
        raise InvalidPrice(field, "must be more than zero")
    return number
