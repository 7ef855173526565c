"""What a run was told to do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from trainer.errors import BadOrder, Interrupted

#: How much each recipe learns at a time, before the multiplier. A whole model takes a tenth.
RATES = {"lora": 2e-4, "qlora": 2e-4, "full": 2e-5}


@dataclass(slots=True)
class Order:
    """One run: the recipe, the training file and its checksum, the passes, where results go."""

    recipe: str
    training_file: Path
    training_sha256: str
    output: Path
    epochs: int
    is_interrupted: bool = False

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Return the order that these variables describe."""
        try:
            return cls(**cls._facts(variables))
        except (KeyError, ValueError) as error:
            raise BadOrder(f"the order cannot be read: {error}") from None

    @classmethod
    def _facts(cls, variables: Mapping[str, str]) -> dict[str, Any]:
        return {
            "recipe": variables["STUDIO_RECIPE"],
            "training_file": path_of(variables["STUDIO_TRAINING_FILE"]),
            "training_sha256": variables["STUDIO_TRAINING_SHA256"],
            "output": path_of(variables["STUDIO_OUTPUT"]),
            "epochs": _whole(variables["STUDIO_EPOCHS"], "STUDIO_EPOCHS", least=1),
        }

    def interrupt(self) -> None:
        """Wish the end; acted on between two examples, or two steps."""
        self.is_interrupted = True

    def go_on(self) -> None:
        """Stop here when the end was wished."""
        if self.is_interrupted:
            raise Interrupted("interrupted")


@dataclass(slots=True, kw_only=True)
class TrainingOrder(Order):
    """A run that teaches a model."""

    #: A folder with weights as safetensors, ``tokenizer.json`` and a chat template.
    base_model: Path
    #: What the model is called where it is served; an adapter names it so.
    base_name: str
    seed: int
    #: Examples per step.
    batch: int
    learning_rate: float
    #: Longer examples are cut.
    max_length: int
    rank: int
    alpha: int
    #: Examples that nothing is learnt from; after each pass it is measured how well they go.
    validation_file: Path | None
    validation_sha256: str
    #: What earlier attempts have written: the newest state among theirs is gone on from.
    earlier: tuple[Path, ...]
    #: A state is kept at least so often, in seconds.
    save_every: float
    #: Asked to end, it is over after so many seconds at the latest.
    grace: float

    @classmethod
    def _facts(cls, variables: Mapping[str, str]) -> dict[str, Any]:
        base_model = path_of(variables["STUDIO_BASE_MODEL"])
        recipe = variables["STUDIO_RECIPE"]
        if recipe not in RATES:
            raise BadOrder(f"there is no recipe {recipe!r}", code="unknown_recipe")
        rate = RATES[recipe] * _number(variables, "STUDIO_LEARNING_RATE_MULTIPLIER", 1.0)
        rank = _whole(variables.get("STUDIO_RANK", "16"), "STUDIO_RANK", least=1)
        validation = variables.get("STUDIO_VALIDATION_FILE", "")
        return {
            # Dataclasses with slots are made anew, which ``super()`` without arguments does not know.
            **super(TrainingOrder, cls)._facts(variables),
            "base_model": base_model,
            "base_name": variables.get("STUDIO_BASE_NAME") or base_model.name,
            "seed": _whole(variables.get("STUDIO_SEED", "0"), "STUDIO_SEED"),
            "batch": _whole(variables["STUDIO_BATCH_SIZE"], "STUDIO_BATCH_SIZE", least=1),
            "learning_rate": rate,
            "max_length": _whole(variables["STUDIO_MAX_LENGTH"], "STUDIO_MAX_LENGTH", least=2),
            "rank": rank,
            "alpha": _whole(variables.get("STUDIO_ALPHA", str(2 * rank)), "STUDIO_ALPHA", least=1),
            "validation_file": path_of(validation) if validation else None,
            "validation_sha256": variables.get("STUDIO_VALIDATION_SHA256", ""),
            "earlier": tuple(map(path_of, variables.get("STUDIO_EARLIER", "").split())),
            "save_every": _number(variables, "STUDIO_SAVE_SECONDS", 300.0),
            "grace": _number(variables, "STUDIO_GRACE_SECONDS", 8.0),
        }


def path_of(address: str) -> Path:
    """Return the path of a ``file://`` address, the one kind that can be read yet."""
    parts = urlsplit(address)
    if parts.scheme != "file":
        raise ValueError(f"addresses of the kind {parts.scheme!r} cannot be read yet")
    return Path(unquote(parts.path))


def from_file(path: Path) -> dict[str, str]:
    """Return the variables that a file of JSON holds, an object of texts."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise BadOrder(f"the order cannot be read: {error}") from None


def _whole(text: str, name: str, *, least: int = 0) -> int:
    number = int(text)
    if number < least:
        raise ValueError(f"{name} must be at least {least}")
    return number


def _number(variables: Mapping[str, str], name: str, usual: float) -> float:
    number = float(variables.get(name, usual))
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name} must be a number that is not negative")
    return number
