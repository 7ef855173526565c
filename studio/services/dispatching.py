"""What an attempt at a job is told: read from its rows, so that recipes stay pure."""

from django.conf import settings

from files import blobs
from studio import artifacts
from studio.models import FineTuningJob
from studio.recipes import registry
from studio.recipes.run import Run, Teaching
from studio.services import results


def run_of(job: FineTuningJob) -> Run:
    """Return all that the attempt needs to know."""
    name = results.attempt_name(job, job.attempt)
    file = job.dataset.file
    is_taught = registry.trains(job.recipe) and job.offer.model_version.weights != ""
    return Run(
        name=name,
        training_file=blobs.location(file),
        training_sha256=file.sha256,
        output=artifacts.address(name),
        epochs=job.epochs or 1,
        seed=job.seed,
        teaching=_teaching(job) if is_taught else None,
    )


def _teaching(job: FineTuningJob) -> Teaching:
    settled = job.settled
    validation = job.validation.file if job.validation else None
    earlier = [results.attempt_name(job, attempt) for attempt in range(1, job.attempt)]
    return Teaching(
        base_model=job.offer.model_version.weights,
        base_name=job.offer.name,
        batch=settled.batch_size,
        multiplier=settled.learning_rate_multiplier,
        max_length=settled.context_length,
        rank=settled.lora_r,
        validation_file=blobs.location(validation) if validation else "",
        validation_sha256=validation.sha256 if validation else "",
        earlier=tuple(map(artifacts.address, earlier)),
        python=settings.TRAINER_PYTHON,
        home=str(settings.TRAINER_HOME),
    )
