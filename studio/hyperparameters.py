"""What "auto" means, and what a job is taught with; plain Python.

``n_epochs``: three passes; more of a dataset under 34 examples, so that about a hundred are seen (25
passes at most), and fewer of one over 8,333. ``batch_size``: a power of two up to 16, such that a pass
takes 25 steps or more. ``learning_rate_multiplier``: 1. ``context_length``: what the model can
read, 8,192 tokens at most; what is longer is cut. ``lora_r``: 16.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

USUAL, SMALL, LARGE, MOST_PASSES = 3, 100, 25_000, 25
LARGEST_BATCH, FEWEST_STEPS = 16, 25
LONGEST, RANK = 8_192, 16


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Numbers, and no "auto" left."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    context_length: int
    lora_r: int


def settled(asked: Mapping[str, Any], *, examples: int, context_window: int) -> Hyperparameters:
    """Return what was asked for, with the rules for what was not."""
    known = {name: value for name, value in asked.items() if value != "auto"}
    return Hyperparameters(
        n_epochs=int(known.get("n_epochs", passes(examples))),
        batch_size=int(known.get("batch_size", batch(examples))),
        learning_rate_multiplier=float(known.get("learning_rate_multiplier", 1.0)),
        context_length=context_length(asked, context_window),
        lora_r=int(known.get("lora_r", RANK)),
    )


def context_length(asked: Mapping[str, Any], context_window: int) -> int:
    """Return how many tokens of an example are read; never more than the model can read."""
    wanted = asked.get("context_length", "auto")
    return min(context_window, LONGEST if wanted == "auto" else int(wanted))


def passes(examples: int) -> int:
    """Return how often a dataset of so many examples is gone through."""
    if examples * USUAL < SMALL:
        return min(MOST_PASSES, SMALL // examples)
    return max(1, LARGE // examples) if examples * USUAL > LARGE else USUAL


def batch(examples: int) -> int:
    """Return how many examples make a step."""
    size = 1
    while size < LARGEST_BATCH and examples >= 2 * size * FEWEST_STEPS:
        size *= 2
    return size
