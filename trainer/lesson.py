"""What an order teaches: the examples in tokens, and the plan of all steps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer import examples, plan
from trainer.errors import BadInput
from trainer.orders import TrainingOrder
from trainer.plan import Plan
from trainer.tokenise import Encoded, Tokeniser


@dataclass(slots=True)
class Counts:
    """How much examples are, and what was found on the way."""

    #: Those that something is learnt from, and the tokens of one pass through them.
    examples: int = 0
    tokens: int = 0
    #: Those tokens that the model learns to say.
    learnt: int = 0
    #: Longer than was asked for: their ends are not read.
    cut: int = 0
    #: Nothing is learnt from them, as of those whose answers are cut off: not read, not billed.
    unlearnable: int = 0

    def add(self, example: Encoded) -> bool:
        """Count one more; return whether something is learnt from it."""
        self.cut += example.is_cut
        if not example.learnt:
            self.unlearnable += 1
            return False
        self.examples += 1
        self.tokens += example.tokens
        self.learnt += example.learnt
        return True

    def facts(self) -> dict[str, int]:
        """Return the numbers as JSON holds them."""
        return {
            "examples": self.examples,
            "tokens": self.tokens,
            "learnt_tokens": self.learnt,
            "cut_examples": self.cut,
            "unlearnable_examples": self.unlearnable,
        }


@dataclass(slots=True)
class Encoding(Counts):
    """Examples in tokens, those that something is learnt from."""

    kept: list[Encoded] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that is read of the order's files."""

    training: Encoding
    validation: Encoding | None
    plan: Plan


def encode(
    found: Iterable[dict[str, Any]],
    tokeniser: Tokeniser,
    *,
    max_length: int,
    go_on: Callable[[], None] = lambda: None,
) -> Encoding:
    """Return the examples in tokens."""
    encoding = Encoding()
    for example in found:
        go_on()
        encoded = tokeniser.encode(example, max_length)
        if encoding.add(encoded):
            encoding.kept.append(encoded)
    return encoding


def counted(found: Iterable[dict[str, Any]], tokeniser: Tokeniser, *, max_length: int) -> Counts:
    """Return how much the examples are, in constant memory; refuse those that teach nothing."""
    counts = Counts()
    for example in found:
        counts.add(tokeniser.encode(example, max_length))
    _check_that_something_is_learnt(counts, max_length)
    return counts


def prepare(order: TrainingOrder) -> Lesson:
    """Read the order's files and settle every step."""
    tokeniser = Tokeniser.of(order.base_model)
    training = _encoded(order, tokeniser, order.training_file, order.training_sha256)
    _check_that_something_is_learnt(training, order.max_length)
    validation = None
    if order.validation_file is not None:
        file, sha256 = order.validation_file, order.validation_sha256
        validation = _encoded(order, tokeniser, file, sha256)
    lengths = [example.tokens for example in training.kept]
    steps = plan.make(lengths, epochs=order.epochs, batch=order.batch, seed=order.seed)
    return Lesson(training, validation, steps)


def _check_that_something_is_learnt(counts: Counts, max_length: int) -> None:
    if not counts.examples:
        words = (
            f"nothing can be learnt: no example has an answer within {max_length:,} tokens "
            "that is weighted"
        )
        raise BadInput(words, code="nothing_to_learn", param="training_file")


def _encoded(order: TrainingOrder, tokeniser: Tokeniser, file: Path, sha256: str) -> Encoding:
    found = examples.read(file, sha256)
    return encode(found, tokeniser, max_length=order.max_length, go_on=order.go_on)
