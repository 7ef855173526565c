"""What is wrong with a dataset, in words that let its owner mend it; plain Python.

Whole lines are never repeated: they are customers' data.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

#: So many problems of each kind are told one by one; all are counted.
TOLD = 100
#: So much of what was found is quoted.
QUOTED = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; ``line`` is empty where it is the whole file."""

    code: str
    message: str
    path: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "the file"
        return f"{place}{f', {self.path}' if self.path else ''}: {self.message}"


class Unusable(Exception):
    """A line, or the file, that cannot be read any further."""

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, path)


@dataclass(slots=True)
class Report:
    """What was found in a dataset."""

    lines: int = 0
    examples: int = 0
    tokens: int = 0
    bad_lines: int = 0
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    #: What is no fault and yet should be known before anything is learnt from it.
    noticed: list[Problem] = field(default_factory=list)
    notices: Counter[str] = field(default_factory=Counter)
    #: How many examples have at most so many tokens, and more than half of that.
    lengths: Counter[int] = field(default_factory=Counter)

    @property
    def is_usable(self) -> bool:
        """Whether nothing is wrong."""
        return not self.counts

    def add(self, problem: Problem) -> None:
        """Count a problem, and tell it unless enough of its kind were told."""
        self.counts[problem.code] += 1
        if self.counts[problem.code] <= TOLD:
            self.problems.append(problem)

    def notice(self, problem: Problem) -> None:
        """Count what should be known, and tell it unless enough of its kind was told."""
        self.notices[problem.code] += 1
        if self.notices[problem.code] <= TOLD:
            self.noticed.append(problem)

    def measure(self, tokens: int) -> None:
        """Count an example that is this long."""
        self.tokens += tokens
        self.lengths[1 << max(tokens - 1, 0).bit_length()] += 1

    def facts(self) -> dict[str, Any]:
        """Return the problems, and how long the examples are, as JSON holds them."""
        return {
            "lengths": {str(length): count for length, count in sorted(self.lengths.items())},
            "counts": dict(self.counts),
            "problems": [asdict(problem) for problem in self.problems],
            "notices": dict(self.notices),
            "noticed": [asdict(problem) for problem in self.noticed],
        }


def quoted(value: object) -> str:
    """Return the beginning of what was found."""
    text = repr(value)
    return text if len(text) <= QUOTED else text[:QUOTED] + "…"
