"""What a recipe is told; all of it, so that a recipe is a pure function."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Teaching:
    """What teaching a model needs beyond a dataset."""

    #: Where its weights lie, and what it is called where it is served.
    base_model: str
    base_name: str
    batch: int
    multiplier: float
    max_length: int
    rank: int
    #: Examples to measure by; none where there are none.
    validation_file: str
    validation_sha256: str
    #: Where earlier attempts wrote: the newest state among theirs is gone on from.
    earlier: tuple[str, ...]
    #: The Python of an environment for training, or where to make one.
    python: str
    home: str


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at one job."""

    name: str
    training_file: str
    training_sha256: str
    output: str
    epochs: int
    seed: int
    teaching: Teaching | None = None
