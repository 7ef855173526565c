"""Every recipe by its name."""

from collections.abc import Callable

from compute.scheduler import JobSpec
from studio.recipes import dry
from studio.recipes.run import Run

RECIPES: dict[str, Callable[[Run], JobSpec]] = {"dry": dry.job_spec}
#: Which of them teach a model something.
TRAINING: frozenset[str] = frozenset()


def trains(recipe: str) -> bool:
    """Whether the recipe teaches a model something, and so is paid for."""
    return recipe in TRAINING


DEFAULT = "dry"
