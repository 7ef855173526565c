"""The words of a search in the audit log: ``actor:alice action:member created:2026-03``.

Plain Python. Dates are days of UTC; both ends of ``2026-03-01..2026-03-31`` belong to it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

TERM = re.compile(r'(?:(?P<name>[a-z]+):)?(?P<value>"[^"]*"|[^\s"]+)')
MONTH = re.compile(r"(\d{4})-(\d{2})")


class Unreadable(ValueError):
    """A search that cannot be understood; ``sentence`` says what to write instead."""

    def __init__(self, sentence: StrOrPromise, **facts: str) -> None:
        self.sentence = sentence
        self.facts = facts
        super().__init__(str(sentence))


@dataclass(frozen=True, slots=True)
class Search:
    """What entries must have to be found; what is empty is not asked for."""

    actor: str = ""
    action: str = ""
    target: str = ""
    #: Anywhere in actor, action or target.
    words: tuple[str, ...] = ()
    #: Half-open.
    start: datetime | None = None
    end: datetime | None = None


def parse(text: str) -> Search:
    """Return the search these words mean; raise ``Unreadable`` for what means nothing."""
    named: dict[str, str] = {}
    words = []
    for term in TERM.finditer(text):
        name, value = term["name"], term["value"].strip('"')
        if name is None:
            words.append(value)
        elif name in ("actor", "action", "target", "created"):
            named[name] = value
        else:
            raise Unreadable(
                _("“%(name)s:” cannot be searched for. Use actor:, action:, target: or created:."),
                name=name,
            )
    start, end = _period(named.pop("created", ""))
    return Search(**named, words=tuple(words), start=start, end=end)


def _period(text: str) -> tuple[datetime | None, datetime | None]:
    if not text:
        return None, None
    first, dots, last = text.partition("..")
    if not dots:
        last = first
    start = _days(first)[0] if first else None
    end = _days(last)[1] if last else None
    return start, end


def _days(text: str) -> tuple[datetime, datetime]:
    """Return the first instant of a day or month, and the first one after it."""
    try:
        if month := MONTH.fullmatch(text):
            first = date(int(month[1]), int(month[2]), 1)
            following = (first + timedelta(days=31)).replace(day=1)
        else:
            first = date.fromisoformat(text)
            following = first + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Unreadable(
            _(
                "“%(text)s” is no day. Write created:2026-03-31, created:2026-03 or "
                "created:2026-03-01..2026-03-31."
            ),
            text=text,
        ) from None
    return tuple(datetime.combine(day, time.min, UTC) for day in (first, following))  # type: ignore[return-value]
