"""What clients, engines and the one who kills write down, and how it is read again."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

NOWHERE = -1


class Customer(msgspec.Struct):
    """One key, and what stands behind it."""

    key: str
    key_id: str
    model: str
    embedding_model: str
    rerank_model: str
    #: So much money that nothing may ever be refused for funds.
    is_rich: bool


class Filing(msgspec.Struct):
    """Whose calls are filed as batches, and where it is written down what comes out."""

    seed: int
    customers: list[Customer]
    journal: str


class Call(msgspec.Struct, kw_only=True):
    """One call as its client saw it."""

    call: str
    act: str
    kind: str
    stream: bool
    key_id: str
    is_rich: bool
    #: Of its gateway; that of a batch's line is ``NOWHERE``.
    port: int
    #: On the clock, as everything that is compared over processes.
    started: float
    ended: float = 0.0
    #: complete, refused, told (that it broke off), cut, or left: the client went away. A line of a
    #: batch may also be lost: nothing is said of it.
    end: str = ""
    status: int = 0
    code: str = ""
    request_id: str = ""
    words: int = 0
    vectors: int = 0
    #: When so many words had come.
    marks: list[tuple[float, int]] = []
    prompt_told: int | None = None
    completion_told: int | None = None
    is_done: bool = False

    def words_until(self, moment: float) -> int:
        """Return how many words had come by then."""
        return max((words for at, words in self.marks if at <= moment), default=0)


class Attempt(msgspec.Struct):
    """One call as an engine saw it, as far as it had come."""

    call: str
    act: str
    prompt: int
    #: Words on their way, and the tokens of so much.
    made: int
    completion: int
    at: float = 0.0
    #: When so many tokens had been made.
    marks: list[tuple[float, int]] = []

    def completion_until(self, moment: float) -> int:
        """Return how many tokens had been made by then."""
        return max((tokens for at, tokens in self.marks if at <= moment), default=0)


class Kill(msgspec.Struct):
    """A process that was killed; ``port`` is 0 for what listens on none."""

    name: str
    port: int
    at: float


def calls(folder: Path) -> list[Call]:
    """Return what all clients wrote down."""
    return list(_lines(folder, "client-*.jsonl", Call))


def attempts(folder: Path) -> dict[str, Attempt]:
    """Return by call the most that an engine produced for it."""
    found: dict[str, Attempt] = {}
    for line in _lines(folder, "engine-*.jsonl", Attempt):
        known = found.get(line.call)
        line.marks = known.marks if known else []
        line.marks.append((line.at, line.completion))
        if known is None or known.made <= line.made:
            found[line.call] = line
    return found


def kills(folder: Path) -> list[Kill]:
    """Return who was killed when."""
    return list(_lines(folder, "kills.jsonl", Kill))


def written(folder: Path) -> int:
    """Return how many calls clients have written down so far."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("client-*.jsonl"))


def _lines(folder: Path, pattern: str, kind: type[T]) -> Iterator[T]:
    for path in sorted(folder.glob(pattern)):
        with path.open("rb") as lines:
            for line in lines:
                yield msgspec.json.decode(line, type=kind)
