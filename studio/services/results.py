"""Taking over what a job has made, once."""

from datetime import datetime

from django.core.files import File

from common.errors import DomainError
from files.models import Purpose, StoredFile
from files.services import stored_files
from studio import artifacts
from studio.artifacts import BadArtifacts, Manifest
from studio.models import Checkpoint, FineTuningJob
from studio.recipes import registry
from studio.services import funding, publication
from studio.services.transitions import fail, move
from studio.states import State
from tenants.scope import scope

#: What is read of a job before the transaction that settles it.
READ = (
    "organization", "dataset__file__region", "compute_job__cluster", "offer__model_version__model",
    "price", "project",
)  # fmt: skip


def attempt_name(job: FineTuningJob, attempt: int) -> str:
    """Return the name of one attempt, the idempotency key of all that belongs to it."""
    return f"ft-{job.pk.hex}-a{attempt}"


def take_over(job: FineTuningJob) -> bool:
    """Check and keep the result, then settle the job in one transaction; safe to run again."""
    name = attempt_name(job, job.attempt)
    with scope(job.organization_id):
        job = FineTuningJob.objects.select_related(*READ).get(pk=job.pk)
    expected = job.tokens_per_pass * (job.epochs or 1)
    try:
        manifest = artifacts.read(name, tokens=expected)
        result = _keep(job, name, manifest)
        # Before it has succeeded: whoever sees that it has, may call what it made.
        publication.publish(job, name, manifest)
    except BadArtifacts as error:
        _settle_badly(job, f"The result cannot be used: {error}.")
        return False
    except DomainError as refusal:
        _settle_badly(job, f"The result cannot be kept: {refusal.detail}")
        return False
    _settle(job, manifest, result)
    return False


def settle_what_was_trained(job: FineTuningJob) -> bool:
    """Charge a cancelled job for what it has trained for good, and end it; safe to run again."""
    with scope(job.organization_id):
        job = FineTuningJob.objects.select_related(*READ).get(pk=job.pk)
    trained = _committed(job) if registry.trains(job.recipe) else 0
    cost = funding.charge(job, trained, at=_ended(job))
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        if job.state == State.CANCELLING:
            move(job, State.CANCELLED, trained_tokens=trained, cost=cost)
    return False


def _committed(job: FineTuningJob) -> int:
    """Return how far the attempts have come together: each went on from the one before."""
    most = job.tokens_per_pass * (job.epochs or 1)
    names = [attempt_name(job, attempt) for attempt in range(1, job.attempt + 1)]
    return max(artifacts.committed(name, most=most) for name in names)


def _keep(job: FineTuningJob, name: str, manifest: Manifest) -> StoredFile:
    with manifest.result_file.open("rb") as content:
        return stored_files.keep(
            job.organization,
            File(content),
            filename=f"{job.public_id}-{manifest.result_file.name}",
            purpose=Purpose.FINE_TUNE_RESULTS,
            by=None,
            source_key=f"result:{name}",
        )


def _settle(job: FineTuningJob, manifest: Manifest, result: StoredFile) -> None:
    trained = manifest.tokens if registry.trains(job.recipe) else 0
    cost = funding.charge(job, trained, at=_ended(job))
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        if job.state != State.FINALIZING:
            return
        for mark in manifest.marks:
            Checkpoint.objects.create(
                organization_id=job.organization_id,
                job=job,
                epoch=mark.epoch,
                step=mark.step,
                tokens=mark.tokens,
                metrics=mark.metrics,
                sha256=mark.sha256,
            )
        move(job, State.SUCCEEDED, result_file=result, trained_tokens=trained, cost=cost)


def _ended(job: FineTuningJob) -> datetime:
    """Return when the attempt ended: the cluster says it once, so it is the same for ever."""
    ended = job.compute_job.ended_at if job.compute_job else None
    return ended or job.created_at


def _settle_badly(job: FineTuningJob, why: str) -> None:
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        if job.state == State.FINALIZING:
            fail(job, "invalid_result", why)
