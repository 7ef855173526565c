"""The dry recipe: all of a fine-tuning job but the training (see ``studio.payload.dry``)."""

from compute.scheduler import JobSpec
from studio.recipes.run import Run

HOUR = 3600


def job_spec(run: Run) -> JobSpec:
    """Return what a cluster is asked to run."""
    return JobSpec(
        name=run.name,
        command=("python3", "-m", "studio.payload"),
        environment={
            "STUDIO_RECIPE": "dry",
            "STUDIO_TRAINING_FILE": run.training_file,
            "STUDIO_TRAINING_SHA256": run.training_sha256,
            "STUDIO_OUTPUT": run.output,
            "STUDIO_EPOCHS": str(run.epochs),
        },
        time_limit=6 * HOUR,
    )
