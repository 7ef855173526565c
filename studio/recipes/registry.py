"""Every recipe by its name."""

from collections.abc import Callable

from compute.scheduler import JobSpec
from studio.recipes import dry
from studio.recipes.run import Run

RECIPES: dict[str, Callable[[Run], JobSpec]] = {"dry": dry.job_spec}
#: Which of them teach a model something.
TRAINING: frozenset[str] = frozenset()
DEFAULT = "dry"
