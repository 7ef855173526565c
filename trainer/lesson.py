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
class Encoding:
    """Examples in tokens, and what was found on the way."""

    #: Those that something is learnt from.
    kept: list[Encoded] = field(default_factory=list)
    #: Longer than was asked for: their ends are not read.
    cut: int = 0
    #: Nothing is learnt from them, as of those whose answers are cut off: not read, not billed.
    unlearnable: int = 0

    @property
    def tokens(self) -> int:
        """The tokens of one pass."""
        return sum(example.tokens for example in self.kept)

    @property
    def learnt(self) -> int:
        """Those of them that the model learns to say."""
        return sum(example.learnt for example in self.kept)

    def facts(self) -> dict[str, int]:
        """Return the numbers as JSON holds them."""
        return {
            "examples": len(self.kept),
            "tokens": self.tokens,
            "learnt_tokens": self.learnt,
            "cut_examples": self.cut,
            "unlearnable_examples": self.unlearnable,
        }


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
        encoding.cut += encoded.is_cut
        if encoded.learnt:
            encoding.kept.append(encoded)
        else:
            encoding.unlearnable += 1
    return encoding


def prepare(order: TrainingOrder) -> Lesson:
    """Read the order's files and settle every step."""
    tokeniser = Tokeniser.of(order.base_model)
    training = _encoded(order, tokeniser, order.training_file, order.training_sha256)
    if not training.kept:
        words = (
            f"nothing can be learnt: no example has an answer within {order.max_length:,} tokens "
            "that is weighted"
        )
        raise BadInput(words, code="nothing_to_learn")
    validation = None
    if order.validation_file is not None:
        file, sha256 = order.validation_file, order.validation_sha256
        validation = _encoded(order, tokeniser, file, sha256)
    lengths = [example.tokens for example in training.kept]
    steps = plan.make(lengths, epochs=order.epochs, batch=order.batch, seed=order.seed)
    return Lesson(training, validation, steps)


def _encoded(order: TrainingOrder, tokeniser: Tokeniser, file: Path, sha256: str) -> Encoding:
    found = examples.read(file, sha256)
    return encode(found, tokeniser, max_length=order.max_length, go_on=order.go_on)
