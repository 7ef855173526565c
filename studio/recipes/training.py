"""The recipes that teach: all of a model's weights, or an adapter beside them (see ``trainer``)."""

from collections.abc import Callable

from compute.scheduler import JobSpec
from studio.recipes.run import Run

HOUR = 3600
#: Enough for the models that one machine teaches; a cluster that counts memory ends what takes more.
MEMORY_MB = 8192


def recipe(kind: str) -> Callable[[Run], JobSpec]:
    """Return the recipe of that kind: "lora", "qlora" or "full"."""

    def job_spec(run: Run) -> JobSpec:
        """Return what a cluster is asked to run."""
        return JobSpec(
            name=run.name,
            command=("python3", "-m", "trainer.launch"),
            environment={"STUDIO_RECIPE": kind, **_of(run), **_taught(run)},
            time_limit=72 * HOUR,
            cpus=2,
            memory_mb=MEMORY_MB,
        )

    return job_spec


def _of(run: Run) -> dict[str, str]:
    return {
        "STUDIO_TRAINING_FILE": run.training_file,
        "STUDIO_TRAINING_SHA256": run.training_sha256,
        "STUDIO_OUTPUT": run.output,
        "STUDIO_EPOCHS": str(run.epochs),
        "STUDIO_SEED": str(run.seed),
    }


def _taught(run: Run) -> dict[str, str]:
    teaching = run.teaching
    if teaching is None:
        raise ValueError(f"{run.name} is told nothing about a model")
    return {
        "STUDIO_BASE_MODEL": teaching.base_model,
        "STUDIO_BASE_NAME": teaching.base_name,
        "STUDIO_BATCH_SIZE": str(teaching.batch),
        "STUDIO_LEARNING_RATE_MULTIPLIER": str(teaching.multiplier),
        "STUDIO_MAX_LENGTH": str(teaching.max_length),
        "STUDIO_RANK": str(teaching.rank),
        "STUDIO_VALIDATION_FILE": teaching.validation_file,
        "STUDIO_VALIDATION_SHA256": teaching.validation_sha256,
        "STUDIO_EARLIER": " ".join(teaching.earlier),
        "STUDIO_TRAINER_PYTHON": teaching.python,
        "STUDIO_TRAINER_HOME": teaching.home,
    }
