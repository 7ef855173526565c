"""What a job was told to do, and how it says that it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit


class BadOrder(Exception):
    """What was asked makes no sense."""


class BadInput(Exception):
    """The training file is not what was promised."""


class NoInput(Exception):
    """The training file is not there."""


class Interrupted(Exception):
    """The cluster wants its machine back."""


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
    def read(cls, variables: Mapping[str, str]) -> "Order":
        """Return the order that these variables describe."""
        try:
            return cls(
                recipe=variables["STUDIO_RECIPE"],
                training_file=_path(variables["STUDIO_TRAINING_FILE"]),
                training_sha256=variables["STUDIO_TRAINING_SHA256"],
                output=_path(variables["STUDIO_OUTPUT"]),
                epochs=int(variables["STUDIO_EPOCHS"]),
            )
        except (KeyError, ValueError) as error:
            raise BadOrder(f"the order is incomplete: {error}") from None

    def interrupt(self) -> None:
        """Wish the end; acted on between two examples."""
        self.is_interrupted = True

    def go_on(self) -> None:
        """Stop here when the end was wished."""
        if self.is_interrupted:
            raise Interrupted("interrupted")


def _path(address: str) -> Path:
    parts = urlsplit(address)
    if parts.scheme != "file":
        raise ValueError(f"addresses of the kind {parts.scheme!r} cannot be read yet")
    return Path(unquote(parts.path))
