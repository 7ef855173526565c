"""How values are spread, in steps of equal proportion: what is counted in pieces adds up.

A value falls into the step whose number is ``floor(16 * log2(value))``: each step is 4.4 % wider than
the one before, so a percentile told from steps is at most 2.2 % off the exact one. PostgreSQL counts by
the same rule (:data:`PLACE`); kept are the steps that have any values, as a JSON object.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: So many steps double a value.
STEPS = 16
#: How far off a told value is at most, as a share of the exact one.
ERROR = 2 ** (1 / (2 * STEPS)) - 1
#: The number of the step of a value above zero, in SQL.
PLACE = "floor(16 * ln({value}) / ln(2.0::double precision))::int"


def place(value: float) -> int:
    """Return the number of the step of a value, which is above zero."""
    return math.floor(STEPS * math.log2(value))


def middle(number: int) -> float:
    """Return the value that a step stands for: as far, in proportion, from both its ends."""
    return float(2 ** ((number + 0.5) / STEPS))


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values fell into each step."""

    counts: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, kept: Mapping[str, int]) -> "Histogram":
        """Return it from how it is kept."""
        return cls({int(number): count for number, count in kept.items()})

    @classmethod
    def of(cls, values: Iterable[float]) -> "Histogram":
        """Return the histogram of values above zero."""
        counts: dict[int, int] = {}
        for value in values:
            number = place(value)
            counts[number] = counts.get(number, 0) + 1
        return cls(counts)

    @property
    def total(self) -> int:
        """Return how many values there are."""
        return sum(self.counts.values())

    def __add__(self, other: "Histogram") -> "Histogram":
        numbers = {*self.counts, *other.counts}
        return Histogram(
            {it: self.counts.get(it, 0) + other.counts.get(it, 0) for it in sorted(numbers)}
        )

    def percentile(self, percent: int) -> float | None:
        """Return what so many of a hundred values are at most; None where there are no values.

        The least value that at least this share of all is not above (nearest rank), as its step says.
        """
        rank = max(1, -(-self.total * percent // 100))
        for number in sorted(self.counts):
            rank -= self.counts[number]
            if rank <= 0:
                return middle(number)
        return None
