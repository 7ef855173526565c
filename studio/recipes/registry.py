"""Every recipe by its name."""

from collections.abc import Callable, Mapping
from typing import Any

from compute.scheduler import JobSpec
from studio.recipes import dry, training
from studio.recipes.run import Run

RECIPES: dict[str, Callable[[Run], JobSpec]] = {
    "dry": dry.job_spec,
    "lora": training.recipe("lora"),
    "qlora": training.recipe("qlora"),
    "full": training.recipe("full"),
}
#: Which of them teach a model something.
TRAINING = frozenset({"lora", "qlora", "full"})


def trains(recipe: str) -> bool:
    """Whether the recipe teaches a model something, and so is paid for."""
    return recipe in TRAINING


#: Of models whose weights nobody can read.
DEFAULT = "dry"


def choose(weights: str, hyperparameters: Mapping[str, Any]) -> str:
    """Return the recipe for a model: an adapter where it has weights, unless all are to be taught."""
    if not weights:
        return DEFAULT
    return "lora" if hyperparameters.get("lora", True) else "full"
