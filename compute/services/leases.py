"""Who works on a job: a lease that runs out by itself, and a fence against late comers."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from common.database import service
from compute.models import Cluster, ComputeJob
from compute.services.places import Places

#: A worker that was killed is waited for this long.
LIFETIME = timedelta(seconds=60)
MOST = 200

State = ComputeJob.State


@dataclass(frozen=True, slots=True)
class Leased:
    """A job that is ours for a while.

    ``is_first`` where no cluster was ever asked for it; ``may_submit`` also where it was, and the
    job did not turn up.
    """

    job: ComputeJob
    is_first: bool
    may_submit: bool


def take(cluster: Cluster, job_id: uuid.UUID | None = None) -> list[Leased]:
    """Take the cluster's open jobs that nobody works on, or one of them.

    A job that was never submitted is UNKNOWN from here on: whoever dies before the cluster has
    answered leaves a row that says so.
    """
    now, lease = timezone.now(), uuid.uuid4()
    with service():
        free = ComputeJob.objects.open().filter(Q(leased_until=None) | Q(leased_until__lt=now))
        wanted = free.filter(cluster=cluster, **({"pk": job_id} if job_id else {}))
        taken = []
        places = Places(cluster)
        wanted = wanted.select_related("cluster").order_by("id")
        for job in wanted.select_for_update(of=("self",), skip_locked=True)[:MOST]:
            if job.state == State.PREPARED and not places.has_one_for(job):
                continue
            job.lease, job.leased_until = lease, now + LIFETIME
            taken.append(_leased(job, now))
            job.save()
    return taken


def _leased(job: ComputeJob, now: datetime) -> Leased:
    is_first = job.state == State.PREPARED
    may_submit = is_first or (job.submitted_at is None and job.is_gone)
    if may_submit and not job.is_unwanted_there:
        job.state, job.asked_at, job.misses = State.UNKNOWN, now, 0
    return Leased(job, is_first, may_submit)


def still_ours(job: ComputeJob) -> ComputeJob | None:
    """Return the row, locked, if nobody has taken it since; only inside a transaction."""
    return (
        ComputeJob.objects.select_related("cluster")
        .select_for_update(of=("self",))
        .filter(pk=job.pk, lease=job.lease)
        .first()
    )
