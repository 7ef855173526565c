"""Bringing jobs and clusters together: look, then write; safe to run any number of times at once.

No transaction is open while a cluster is asked. What it answered is written only under the lease
it was asked under.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog
from django.utils import timezone

from common.database import service
from compute.models import Cluster, ComputeJob
from compute.scheduler import (
    JobHandle,
    JobStatus,
    Outcome,
    Phase,
    Rejected,
    Run,
    Scheduler,
    Unreachable,
)
from compute.schedulers.registry import scheduler_of
from compute.services import findings, leases
from compute.services.findings import Finding
from compute.services.leases import Leased

log = structlog.get_logger(__name__)

#: A cancelled job that has not ended after this long is killed.
PATIENCE = timedelta(seconds=60)
#: So many seconds a cluster is asked about its jobs in one go: a lease does not last for ever.
LONGEST = 30
CANCELLED = JobStatus(Phase.ENDED, "Cancelled before it was submitted.", Outcome.CANCELLED)


def reconcile(job_id: uuid.UUID) -> None:
    """Bring one job nearer to what is wished."""
    with service():
        job = ComputeJob.objects.select_related("cluster").filter(pk=job_id).first()
    if job is not None:
        _tend(job.cluster, job_id)


def sweep() -> int:
    """Look at every open job of every cluster; return how many were free to be looked at."""
    with service():
        clusters = list(Cluster.objects.filter(jobs__in=ComputeJob.objects.open()).distinct())
    return sum(_tend(cluster) for cluster in clusters)


def _tend(cluster: Cluster, job_id: uuid.UUID | None = None) -> int:
    taken = leases.take(cluster, job_id)
    if not taken:
        return 0
    trouble = ""
    found: dict[uuid.UUID, Finding] = {}
    try:
        trouble = _ask(scheduler_of(cluster), taken, found)
    except Unreachable as error:
        # Of the rest nothing is known, so nothing changes: an outage must not fail what runs on.
        trouble = str(error)[:300]
    if trouble:
        log.warning("cluster_unreachable", cluster=cluster.slug, trouble=trouble)
    for leased in taken:
        findings.record(leased.job, found.get(leased.job.pk))
    with service():
        Cluster.objects.filter(pk=cluster.pk).update(trouble=trouble, asked_at=timezone.now())
    return len(taken)


def _ask(scheduler: Scheduler, taken: list[Leased], found: dict[uuid.UUID, Finding]) -> str:
    """Find what can be found of each job; return what was wrong with one of them, in words.

    Trouble with one, such as a right that is missing in its namespace, leaves the others theirs.
    """
    known = {leased.job.handle: leased.job for leased in taken if leased.job.handle}
    seen = scheduler.status(list(known)) if known else {}
    works = [(leased.job, partial(_place, scheduler, leased)) for leased in taken]
    works = [(job, place) for job, place in works if job.handle is None]
    works += [
        (known[handle], partial(_follow, scheduler, known[handle], handle, status))
        for handle, status in seen.items()
    ]
    trouble, until = "", time.monotonic() + LONGEST
    for job, work in works:
        if time.monotonic() > until:
            return trouble
        try:
            found[job.pk] = work()
        except Unreachable as error:
            trouble = trouble or str(error)[:300]
    return trouble


def _follow(scheduler: Scheduler, job: ComputeJob, handle: JobHandle, status: JobStatus) -> Finding:
    """Do what follows from where a job stands; it counts once that is done."""
    finding = Finding(status, handle, _runs(scheduler, handle, status))
    if job.is_unwanted_there and status.phase in (Phase.PENDING, Phase.RUNNING):
        scheduler.cancel(handle, force=_is_late(job))
    elif status.phase == Phase.ENDED and status.outcome != Outcome.SUCCEEDED:
        # A cluster that took it back, and still has it, must not let it begin again.
        scheduler.cancel(handle, force=True)
    return finding


def _runs(scheduler: Scheduler, handle: JobHandle, status: JobStatus) -> Sequence[Run] | None:
    """Return what an ended job held; who cannot say so now does not keep it from ending."""
    if status.phase != Phase.ENDED:
        return None
    try:
        return scheduler.usage(handle)
    except Unreachable:
        return None


def _place(scheduler: Scheduler, leased: Leased) -> Finding:
    """Submit a job that provably is not there; find one that may be."""
    job = leased.job
    handle = None if leased.is_first else scheduler.find(job.name)
    if handle is not None:
        return Finding(JobStatus(Phase.PENDING), handle)
    if not leased.may_submit:
        return Finding(JobStatus(Phase.ABSENT))
    if job.is_unwanted_there:
        return Finding(CANCELLED)
    try:
        return Finding(JobStatus(Phase.PENDING), scheduler.submit(job.job_spec))
    except Rejected as refusal:
        return Finding(JobStatus(Phase.ENDED, str(refusal), Outcome.LAUNCH_FAILED))


def _is_late(job: ComputeJob) -> bool:
    return job.cancel_asked_at is not None and timezone.now() - job.cancel_asked_at > PATIENCE
