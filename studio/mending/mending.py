"""A dataset mended example by example; plain Python, the file itself never changes."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from studio.mending.fixes import Fix
from studio.mending.sources import Record
from studio.validation.decoding import decode
from studio.validation.problems import Unusable


@dataclass(frozen=True, slots=True)
class Change:
    """An example before and after; nothing before where it cannot be read, nothing after where it is out."""

    number: int
    before: bytes | None
    after: bytes | None

    @property
    def is_one(self) -> bool:
        """Whether anything is different."""
        return self.before != self.after or self.before is None


@dataclass(slots=True)
class Tally:
    """What mending a file has come to."""

    examples: int = 0
    changed: int = 0
    left_out: int = 0
    #: How many examples each fix has changed or left out.
    by_fix: Counter[str] = field(default_factory=Counter)


def mend(records: Iterable[Record], fixes: Iterable[Fix], tally: Tally) -> Iterator[Change]:
    """Yield each example as it was and as it is now.

    One that cannot be read stays as it is, or is left out where all unusable ones are.
    """
    wanted = list(fixes)
    for number, record in enumerate(records, start=1):
        if isinstance(record, Unusable) or record.strip():
            change = _mended(number, record, wanted, tally)
            tally.examples += 1
            tally.left_out += change.after is None
            tally.changed += change.after is not None and change.is_one
            yield change


def _mended(number: int, record: Record, fixes: list[Fix], tally: Tally) -> Change:
    line = None if isinstance(record, Unusable) else record
    try:
        example = decode(record) if not isinstance(record, Unusable) else None
    except Unusable:
        example = None
    if example is None:
        is_out = line is None or any(fix.code == "unusable" for fix in fixes)
        tally.by_fix["unusable"] += is_out
        return Change(number, line, None if is_out else line)
    changed = False
    for fix in fixes:
        after = fix.apply(example)
        tally.by_fix[fix.code] += after != example
        changed = changed or after != example
        if after is None:
            return Change(number, line, None)
        example = after
    return Change(number, line, _line(example) if changed else line)


def _line(example: object) -> bytes:
    return json.dumps(example, ensure_ascii=False).encode("utf-8", "surrogatepass")
