"""Bringing jobs on: looks at where a job stands and takes the steps that are possible now.

Safe to call at any time and any number of times. A step is one transaction under the job's lock;
what reads or writes files stands outside.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from compute.models import ComputeJob
from compute.queries import cluster_for, fitted
from compute.scheduler import RETRYABLE, Outcome
from compute.services import jobs as compute_jobs
from studio import artifacts, hyperparameters
from studio.models import Dataset, FineTuningJob
from studio.recipes import registry
from studio.services import datasets, dispatching, funding, relaying, results, token_counts
from studio.services.transitions import fail, move
from studio.states import State
from tenants.scope import scope

OWNER = "studio.finetuningjob"
#: How often a job is tried when its clusters fail.
MOST_ATTEMPTS = 3


def advance(organization_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """Bring the job as far as it can go now."""
    _relay(organization_id, job_id)
    while _step(organization_id, job_id):
        pass
    with scope(organization_id):
        job = FineTuningJob.objects.filter(pk=job_id).first()
    if job is not None:
        funding.release(job)


def _relay(organization_id: uuid.UUID, job_id: uuid.UUID) -> None:
    with scope(organization_id):
        job = FineTuningJob.objects.filter(pk=job_id, state__in=relaying.SPEAKING).first()
    if job is not None:
        relaying.relay(job)


def _step(organization_id: uuid.UUID, job_id: uuid.UUID) -> bool:
    """Take one step; False where the job must wait, or has ended."""
    with scope(organization_id):
        if not FineTuningJob.objects.filter(pk=job_id).exists():
            return False
        job = FineTuningJob.objects.locked(job_id)
        if job.state in STEPS and not _is_outside(job):
            return STEPS[State(job.state)](job)
    return _outside(job)


def _outside(job: FineTuningJob) -> bool:
    """Take one step that reads files, or moves money: no transaction is open."""
    if job.state == State.VALIDATING:
        return token_counts.count_for(job, job.settled.context_length)
    if job.state == State.AWAITING_FUNDS:
        return funding.set_aside(job)
    if job.state == State.CANCELLING:
        return results.settle_what_was_trained(job)
    return job.state == State.FINALIZING and results.take_over(job)


def _is_outside(job: FineTuningJob) -> bool:
    """Whether the next step is none that a transaction may be open for."""
    if job.state == State.VALIDATING:
        return not job.is_unwanted and _are_ready(job) and _is_uncounted(job)
    return job.state == State.CANCELLING and _has_trained_in_vain(job)


def _are_ready(job: FineTuningJob) -> bool:
    given = [job.dataset, *([job.validation] if job.validation else [])]
    return all(each.state == Dataset.State.READY for each in given)


def _is_uncounted(job: FineTuningJob) -> bool:
    has_weights = job.offer.model_version.weights != ""
    return has_weights and registry.trains(job.recipe) and job.counted_tokens is None


def _has_trained_in_vain(job: FineTuningJob) -> bool:
    attempt = job.compute_job
    has_ended = attempt is not None and attempt.state == ComputeJob.State.ENDED
    return has_ended and attempt is not None and attempt.outcome != Outcome.SUCCEEDED


def _wait_for_dataset(job: FineTuningJob) -> bool:
    if job.is_unwanted:
        return _cancelled(job)
    given = {"training_file": job.dataset, "validation_file": job.validation}
    for param, dataset in given.items():
        if dataset is not None and dataset.state == Dataset.State.INVALID:
            fail(job, f"invalid_{param}", datasets.verdict(dataset), param)
            return True
    if _are_ready(job):
        funding.begin(job, epochs=epochs_of(job))
        return True
    return False


def epochs_of(job: FineTuningJob) -> int:
    """Return how often the job goes through its checked dataset."""
    return passes(job.dataset, job.hyperparameters)


def passes(dataset: Dataset, asked: Mapping[str, Any]) -> int:
    """Return how often a job with these goes through the checked dataset."""
    number = asked.get("n_epochs", "auto")
    return hyperparameters.passes(dataset.examples) if number == "auto" else int(number)


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
    spec = registry.RECIPES[job.recipe](dispatching.run_of(job))
    job.compute_job = compute_jobs.submit(
        job.organization,
        cluster,
        fitted(spec, cluster) if registry.trains(job.recipe) else spec,
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
        # What was trained until then is settled outside.
        move(job, State.CANCELLING)
    elif attempt.outcome in RETRYABLE and job.attempt < MOST_ATTEMPTS:
        _again(job)
    elif attempt.outcome == Outcome.USER_ERROR:
        fail(job, *artifacts.refusal(results.attempt_name(job, job.attempt)))
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
