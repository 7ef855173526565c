"""What is trained at which step, settled before the first.

The order of the examples and the tokens after each step follow from the examples' lengths, the
seed, the batch and the passes alone: not from the machine, from how much of a batch it takes at a
time, nor from how often it was interrupted. So the bill does too.
"""

import hashlib
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a run."""

    examples: int
    epochs: int
    batch: int
    seed: int
    #: Which example is when, over all passes.
    order: Sequence[int]
    #: Tokens that have been read after so many steps; nothing after none.
    cum_tokens: Sequence[int]

    @property
    def steps(self) -> int:
        """How many steps there are; the last may be smaller."""
        return len(self.cum_tokens) - 1

    @property
    def tokens(self) -> int:
        """All tokens of all steps."""
        return self.cum_tokens[-1]

    @property
    def epoch_ends(self) -> list[int]:
        """The steps with which each pass is over."""
        return [-(-self.examples * epoch // self.batch) for epoch in range(1, self.epochs + 1)]

    def digest(self) -> str:
        """Return what is different for every other plan."""
        facts = [self.examples, self.epochs, self.batch, self.seed]
        text = json.dumps([facts, list(self.order), list(self.cum_tokens)], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make(lengths: Sequence[int], *, epochs: int, batch: int, seed: int) -> Plan:
    """Return the plan for examples of these lengths."""
    mixed = [number for epoch in range(epochs) for number in _mixed(len(lengths), seed, epoch)]
    order = array("q")
    sums = []
    for first in range(0, len(mixed), batch):
        # Within a step the order teaches nothing, and examples of like length need little filling.
        # The longest come first: if memory does not suffice, that is known at once.
        step = sorted(mixed[first : first + batch], key=lambda number: (-lengths[number], number))
        order.extend(step)
        sums.append(sum(lengths[number] for number in step))
    cum_tokens = array("q", accumulate(sums, initial=0))
    return Plan(len(lengths), epochs, batch, seed, order, cum_tokens)


def _mixed(count: int, seed: int, epoch: int) -> list[int]:
    """Return the numbers in an order of chance that every machine and every version agrees on."""

    def place(number: int) -> bytes:
        text = f"{seed}/{epoch}/{number}".encode()
        return hashlib.blake2b(text, digest_size=16).digest()

    return sorted(range(count), key=place)
