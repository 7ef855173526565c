"""What a recipe is told; all of it, so that a recipe is a pure function."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at one job."""

    name: str
    training_file: str
    training_sha256: str
    output: str
    epochs: int
    seed: int
