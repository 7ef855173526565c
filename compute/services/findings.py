"""What a cluster said of a job, written down: the only writer of a job's state."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from common.database import on_commit, service
from compute.models import ComputeJob
from compute.scheduler import JobHandle, JobStatus, Outcome, Phase, Run
from compute.services import leases
from compute.signals import compute_job_changed
from tenants.services import audit

State, Desired = ComputeJob.State, ComputeJob.Desired


@dataclass(frozen=True, slots=True)
class Finding:
    """What a cluster said; no handle where it does not know the job, no runs where it cannot say."""

    status: JobStatus
    handle: JobHandle | None = None
    runs: Sequence[Run] | None = None


def record(job: ComputeJob, finding: Finding | None) -> None:
    """Write the finding and end the lease; nothing where somebody has taken the job since."""
    with service():
        row = leases.still_ours(job)
        if row is None:
            return
        before = row.state
        if finding is not None:
            _write(row, finding)
        row.lease = row.leased_until = None
        row.save()
        if row.state != before:
            _tell(row, before)


def _write(job: ComputeJob, finding: Finding) -> None:
    status = finding.status
    if status.phase == Phase.ABSENT:
        _miss(job)
        return
    if finding.handle is not None and job.submitted_at is None:
        job.external_id = finding.handle.external_id
        job.submitted_at = finding.handle.submitted_at
    job.misses = 0
    job.state = State(status.phase.value)
    job.reason = status.reason[:300]
    job.started_at = status.started_at
    job.exit_code = status.exit_code
    if status.phase == Phase.ENDED:
        _end(job, _meant(job, status.outcome or Outcome.LOST), status)
        _use(job, finding.runs)
    elif job.is_unwanted_there and job.cancel_asked_at is None:
        job.cancel_asked_at = timezone.now()


def _meant(job: ComputeJob, outcome: Outcome) -> Outcome:
    """Return what an end means: what was wished decides, whatever the job made of the signal."""
    if outcome == Outcome.SUCCEEDED:
        return outcome
    if job.desired == Desired.CANCEL:
        return Outcome.CANCELLED
    is_given_back = outcome == Outcome.CANCELLED and job.is_unwanted_there
    return Outcome.PREEMPTED if is_given_back else outcome


def _use(job: ComputeJob, runs: Sequence[Run] | None) -> None:
    if runs is not None:
        job.cpu_seconds = sum(run.seconds * run.cpus for run in runs)
        job.gpu_seconds = sum(run.seconds * run.gpus for run in runs)


def _miss(job: ComputeJob) -> None:
    if not job.is_gone:
        job.misses += 1
    elif job.submitted_at is not None:
        job.reason = "The cluster no longer knows this job."
        _end(job, Outcome.LOST, JobStatus(Phase.ABSENT))


def _end(job: ComputeJob, outcome: Outcome, status: JobStatus) -> None:
    job.state = State.ENDED
    job.outcome = outcome
    job.ended_at = status.ended_at or timezone.now()


def _tell(job: ComputeJob, before: str) -> None:
    if job.state == State.ENDED:
        audit.record(
            organization=job.organization,
            actor=None,
            action="compute_job.ended",
            target=job,
            before={"state": before},
            after={"state": job.state, "outcome": job.outcome, "exit_code": job.exit_code},
        )
    facts = {
        "organization_id": job.organization_id,
        "owner_kind": job.owner_kind,
        "owner_id": job.owner_id,
        "job_id": job.pk,
    }
    on_commit(lambda: compute_job_changed.send_robust(ComputeJob, **facts))
