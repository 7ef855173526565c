"""What makes an invoice look so wrong that a person should see it before it gets its number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.utils.translation import gettext_noop as _

from common.money import minor_digits

#: A month this many times the mean of the last ones is a jump, above a floor of this many units.
JUMP, FLOOR = 10, 1000
MOST_LINES = 5000
#: What each finding says; kept in English, and shown in the reader's language.
WORDS = {
    "billed_twice": _("The same usage stands on it twice."),
    "below_zero": _("It asks for less than nothing."),
    "jump": _("It is more than ten times the mean of the months before."),
    "too_many_lines": _("It has more than five thousand lines."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong."""

    code: str
    words: str

    def as_json(self) -> dict[str, str]:
        """Return it as it is kept."""
        return {"code": self.code, "words": self.words}


class Line(Protocol):
    """A line about to be invoiced."""

    @property
    def kind(self) -> str:
        """Return whether it is usage, or what credit covered of it."""

    @property
    def usage_key(self) -> tuple[object, ...]:
        """Return whose usage it is of what, at which price and in which month."""


def findings(
    lines: Sequence[Line], *, net: Decimal, currency: str, before: Sequence[Decimal]
) -> list[Finding]:
    """Return what looks wrong: usage twice, an absurd jump, less than nothing, too many lines."""
    found = {
        "billed_twice": _is_twice(lines),
        "below_zero": net < 0,
        "jump": _is_jump(net, currency, before),
        "too_many_lines": len(lines) > MOST_LINES,
    }
    return [Finding(code, WORDS[code]) for code, is_wrong in found.items() if is_wrong]


def _is_jump(net: Decimal, currency: str, before: Sequence[Decimal]) -> bool:
    # A thousand of what has two decimals; a hundred thousand of what has none.
    floor = Decimal(FLOOR).scaleb(2 - min(minor_digits(currency), 2))
    mean = sum(before, Decimal(0)) / max(len(before), 1)
    return bool(before) and net > max(floor, JUMP * mean)


def _is_twice(lines: Iterable[Line]) -> bool:
    keys = [line.usage_key for line in lines if line.kind == "usage"]
    return len(keys) != len(set(keys))
