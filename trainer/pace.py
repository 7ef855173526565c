"""How fast a run goes, as far as memory lets it: neither plan nor bill depend on it."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Pace:
    """What memory is spent on."""

    #: Examples per step, as asked for, and those of them that are taken at once: a part without rest.
    batch: int
    at_once: int
    #: At most so many are taken at once, whatever memory there is.
    most: int
    #: What every layer has made of the examples is reckoned once more on the way back, not kept: a
    #: fraction of the memory, and up to half as much time again.
    recomputes: bool = False

    @classmethod
    def first(cls, batch: int, most: int) -> Self:
        """Return the fastest."""
        return cls(batch, part_of(batch, most), most)

    def slower(self) -> "Pace | None":
        """Return what to try where memory did not suffice; None where nothing is left to try.

        Half as many at once are almost as fast, reckoning once more is not: so that comes next, and
        with as many at once as in the beginning.
        """
        first = part_of(self.batch, self.most)
        if self.at_once > 1 and (self.recomputes or self.at_once == first):
            return replace(self, at_once=part_of(self.batch, self.at_once // 2))
        return None if self.recomputes else replace(self, at_once=first, recomputes=True)

    def words(self) -> str:
        """Return it for the owner of the job."""
        examples = "one example" if self.at_once == 1 else f"{self.at_once} examples"
        return f"{examples} at once" + (", and less is kept in mind" if self.recomputes else "")


def part_of(batch: int, most: int) -> int:
    """Return the largest part of the batch without rest that is not more than so many."""
    return next(number for number in range(min(batch, most), 0, -1) if batch % number == 0)
