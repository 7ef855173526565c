"""Bringing jobs on: looks at where a job stands and takes the steps that are possible now.

Safe to call at any time and any number of times. A step is one transaction under the job's lock;
what reads or writes files stands outside.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from compute.models import ComputeJob
from compute.queries import cluster_for
from compute.scheduler import RETRYABLE, Outcome
from compute.services import jobs as compute_jobs
from files import blobs
from studio import artifacts
from studio.models import Dataset, FineTuningJob
from studio.recipes import registry
from studio.recipes.run import Run
from studio.services import datasets, funding, results
from studio.services.transitions import fail, move
from studio.states import State
from tenants.scope import scope

OWNER = "studio.finetuningjob"
#: How often a job is tried when its clusters fail.
MOST_ATTEMPTS = 3
#: Passes through the dataset when nobody says: three, more of a small one and fewer of a large.
USUAL, SMALL, LARGE = 3, 100, 25_000


def advance(organization_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """Bring the job as far as it can go now."""
    while _step(organization_id, job_id):
        pass
    with scope(organization_id):
        job = FineTuningJob.objects.filter(pk=job_id).first()
    if job is not None:
        funding.release(job)


def _step(organization_id: uuid.UUID, job_id: uuid.UUID) -> bool:
    """Take one step; False where the job must wait, or has ended."""
    with scope(organization_id):
        if not FineTuningJob.objects.filter(pk=job_id).exists():
            return False
        job = FineTuningJob.objects.locked(job_id)
        if job.state in STEPS:
            return STEPS[State(job.state)](job)
    if job.state == State.AWAITING_FUNDS:
        return funding.set_aside(job)
    return job.state == State.FINALIZING and results.take_over(job)


def _wait_for_dataset(job: FineTuningJob) -> bool:
    if job.is_unwanted:
        return _cancelled(job)
    dataset = job.dataset
    if dataset.state == Dataset.State.INVALID:
        fail(job, "invalid_training_file", datasets.verdict(dataset), "training_file")
    elif dataset.state == Dataset.State.READY:
        funding.begin(job, epochs=epochs_of(job))
    return dataset.state != Dataset.State.VALIDATING


def epochs_of(job: FineTuningJob) -> int:
    """Return how often the job goes through its checked dataset."""
    return passes(job.dataset, job.hyperparameters)


def passes(dataset: Dataset, hyperparameters: Mapping[str, Any]) -> int:
    """Return how often a job with these goes through the checked dataset."""
    asked = hyperparameters.get("n_epochs", "auto")
    if asked != "auto":
        return int(asked)
    examples = dataset.examples
    if examples * USUAL < SMALL:
        return min(25, SMALL // examples)
    return max(1, LARGE // examples) if examples * USUAL > LARGE else USUAL


def _dispatch(job: FineTuningJob) -> bool:
    if job.is_unwanted:
        return _cancelled(job)
    file = job.dataset.file
    if not file.is_living:
        fail(job, "training_file_deleted", "The training file was deleted.", "training_file")
        return True
    # The data stays where it lies: a job goes to it, or waits.
    cluster = cluster_for(job.organization, jurisdiction=file.region.jurisdiction)
    if cluster is None:
        return False
    name = results.attempt_name(job, job.attempt)
    run = Run(
        name=name,
        training_file=blobs.location(file),
        training_sha256=file.sha256,
        output=artifacts.address(name),
        epochs=job.epochs or 1,
        seed=job.seed,
    )
    job.compute_job = compute_jobs.submit(
        job.organization,
        cluster,
        registry.RECIPES[job.recipe](run),
        owner_kind=OWNER,
        owner_id=job.pk,
        attempt=job.attempt,
    )
    job.save(update_fields=["compute_job", "updated_at"])
    if job.state == State.QUEUED:
        move(job, State.DISPATCHED)
    return True


def _watch(job: FineTuningJob) -> bool:
    attempt = job.compute_job
    if attempt is None:
        return _dispatch(job)
    if attempt.state == ComputeJob.State.ENDED:
        return _conclude(job, attempt)
    if job.is_unwanted and job.state != State.CANCELLING:
        compute_jobs.cancel(attempt)
        move(job, State.CANCELLING)
        return True
    if attempt.state == ComputeJob.State.RUNNING and job.state in (
        State.DISPATCHED,
        State.RECOVERING,
    ):
        move(job, State.RUNNING)
        return True
    return False


def _conclude(job: FineTuningJob, attempt: ComputeJob) -> bool:
    if attempt.outcome == Outcome.SUCCEEDED:
        move(job, State.FINALIZING)
    elif job.is_unwanted:
        return _cancelled(job)
    elif attempt.outcome in RETRYABLE and job.attempt < MOST_ATTEMPTS:
        _again(job)
    elif attempt.outcome == Outcome.USER_ERROR:
        words = "The training file could not be read as it was checked."
        fail(job, "invalid_training_file", words, "training_file")
    else:
        fail(job, f"job_{attempt.outcome}", attempt.reason or "The job has failed.")
    return True


def _again(job: FineTuningJob) -> None:
    move(job, State.RECOVERING, attempt=job.attempt + 1, compute_job=None)


def _cancelled(job: FineTuningJob) -> bool:
    if job.state in (State.DISPATCHED, State.RUNNING):
        move(job, State.CANCELLING)
    move(job, State.CANCELLED)
    return True


STEPS: dict[State, Callable[[FineTuningJob], bool]] = {
    State.VALIDATING: _wait_for_dataset,
    State.QUEUED: _dispatch,
    State.DISPATCHED: _watch,
    State.RUNNING: _watch,
    State.RECOVERING: _watch,
    State.CANCELLING: _watch,
}
