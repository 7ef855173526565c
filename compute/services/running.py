"""Keeping services running: the wish in a row, a loop that brings it about, one job per run.

Safe to run any number of times at once. Nobody holds a lock while an engine or a cluster is asked,
and what was found is written only while the run that it was found of is still the present one.
"""

import re
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from common import http, jobs
from common.database import on_commit, service
from common.errors import DomainError
from compute.models import Cluster, ComputeJob, Service
from compute.scheduler import SERVES, JobHandle, JobSpec, Unreachable
from compute.schedulers.registry import scheduler_of
from compute.services import jobs as compute_jobs
from compute.signals import compute_service_changed
from tenants.models import Organization

OWNER = "compute.service"
#: What a run says as soon as it knows where it will answer.
SAID = re.compile(rb"^listens at (http://[a-z0-9.-]{1,100}:[0-9]{1,5})$", re.MULTILINE)
HEALTH = "/health"
#: A run that has not been well for so long is ended; the next one begins.
LONGEST_START, LONGEST_ILLNESS = timedelta(minutes=15), timedelta(seconds=30)
#: A run that was well for so long is no failure when it ends.
STEADY = timedelta(minutes=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)

State, Desired = Service.State, Service.Desired


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at a run has found."""

    address: str = ""
    is_well: bool = False
    trouble: str = ""


def start(
    organization: Organization,
    cluster: Cluster,
    spec: JobSpec,
    *,
    owner_kind: str,
    owner_id: uuid.UUID,
) -> Service:
    """Wish that this runs, under the name of the spec; twice is once, and what stopped runs again."""
    with service():
        found, _ = Service.objects.get_or_create(
            cluster=cluster,
            name=f"{SERVES}{spec.name}",
            defaults={
                "organization": organization,
                "owner_kind": owner_kind,
                "owner_id": owner_id,
                "spec": spec.facts(),
            },
        )
        found = Service.objects.locked(found.pk)
        if found.desired != Desired.RUN:
            found.desired, found.not_before, found.failures = Desired.RUN, None, 0
        if found.state == State.STOPPED:
            found.job = None
        if found.state in (State.STOPPED, State.STOPPING):
            found.state = State.STARTING
        found.spec = spec.facts()
        found.save()
        _ring(found)
    return found


def stop(found: Service, *, after: timedelta = timedelta(0)) -> Service:
    """Wish that it ends, once that time has passed: calls that run may end until then."""
    with service():
        found = Service.objects.locked(found.pk)
        if found.desired == Desired.RUN:
            found.desired, found.not_before = Desired.STOP, timezone.now() + after
            if found.state != State.STOPPED:
                found.state, found.address = State.STOPPING, ""
            found.save()
            _ring(found)
    return found


def sweep() -> int:
    """Have every service looked at that runs, or should; return how many there are."""
    with service():
        found = list(Service.objects.unsettled())
    for each in found:
        _ring(each)
    return len(found)


def tend(service_id: uuid.UUID) -> None:
    """Bring one service nearer to what is wished."""
    with service():
        seen = Service.objects.select_related("job", "cluster").filter(pk=service_id).first()
    if seen is None:
        return
    found = _look(seen) if seen.desired == Desired.RUN else Found()
    with service():
        now = Service.objects.locked(service_id)
        if now.run == seen.run and now.desired == seen.desired:
            _bring_on(now, found)


def _look(seen: Service) -> Found:
    """Ask the run where it listens, unless that is known, and whether it is well there."""
    if seen.job is None or seen.job.state != ComputeJob.State.RUNNING or seen.job.handle is None:
        return Found(trouble=seen.job.reason if seen.job else "")
    try:
        # A cluster that cannot be asked says nothing of an engine that can.
        address = seen.address or _said(seen.cluster, seen.job.handle)
        is_well = http.get(f"{address}{HEALTH}").status == 200 if address else False
    except Unreachable as error:
        return Found(trouble=str(error)[:300])
    except http.Unreachable as error:
        return Found(trouble=f"It does not answer ({error.trouble}).")
    if not address:
        return Found(trouble="It has not said yet where it listens.")
    return Found(address, is_well, "" if is_well else "It says that it is not well.")


def _said(cluster: Cluster, handle: JobHandle) -> str:
    said = SAID.search(scheduler_of(cluster).logs(handle).data)
    return said[1].decode() if said else ""


def _bring_on(now: Service, found: Found) -> None:
    before = now.state, now.address
    if now.desired == Desired.STOP:
        _end(now)
    elif now.job is None or now.job.state == ComputeJob.State.ENDED:
        _begin(now)
    elif found.is_well:
        _well(now, found)
    else:
        _ill(now, found)
    now.save()
    if (now.state, now.address) != before:
        _tell(now)


def _end(now: Service) -> None:
    if now.job is None or now.job.state == ComputeJob.State.ENDED:
        now.state, now.address, now.trouble = State.STOPPED, "", ""
    elif now.not_before is None or now.not_before <= timezone.now():
        compute_jobs.cancel(now.job)


def _begin(now: Service) -> None:
    """Begin the next run; after failures not at once."""
    moment = timezone.now()
    if now.job is not None:
        _count_the_end(now)
    if now.not_before is not None and now.not_before > moment:
        return
    spec = replace(JobSpec.from_facts(now.spec), name=f"{now.name}-r{now.run + 1}")
    try:
        now.job = compute_jobs.submit(
            now.organization, now.cluster, spec, owner_kind=OWNER, owner_id=now.pk
        )
    except DomainError as refusal:
        now.trouble, now.not_before = str(refusal.detail)[:300], moment + LONGEST_PAUSE
        return
    now.run += 1
    now.not_before = now.well_since = None
    now.ill_since = moment


def _count_the_end(now: Service) -> None:
    """Count a run that has ended, once."""
    if now.not_before is not None or now.job is None:
        return
    moment = timezone.now()
    was_steady = now.well_since is not None and moment - now.well_since > STEADY
    now.failures = 0 if was_steady else now.failures + 1
    now.not_before = moment + _pause(now.failures)
    now.state, now.address = State.STARTING, ""
    now.trouble = (now.job.reason or f"It ended ({now.job.outcome}).")[:300]


def _pause(failures: int) -> timedelta:
    """Return how long to wait: not at all after one failure, then twice as long each time."""
    if failures < 2:
        return timedelta(0)
    doublings: int = 2 ** min(failures - 2, 10)
    return min(LONGEST_PAUSE, FIRST_PAUSE * doublings)


def _well(now: Service, found: Found) -> None:
    now.state, now.address, now.trouble, now.ill_since = State.HEALTHY, found.address, "", None
    now.well_since = now.well_since or timezone.now()


def _ill(now: Service, found: Found) -> None:
    """Note that it is not well; end a run that has been so for too long."""
    moment = timezone.now()
    now.ill_since = now.ill_since or moment
    now.trouble = found.trouble[:300]
    longest = LONGEST_START if now.well_since is None else LONGEST_ILLNESS
    if moment - now.ill_since > longest and now.job is not None:
        now.state, now.address = State.STARTING, ""
        compute_jobs.cancel(now.job)


def _ring(found: Service) -> None:
    jobs.enqueue("compute.tend", service_id=str(found.pk))


def _tell(found: Service) -> None:
    facts: dict[str, Any] = {
        "organization_id": found.organization_id,
        "owner_kind": found.owner_kind,
        "owner_id": found.owner_id,
        "service_id": found.pk,
    }
    on_commit(lambda: compute_service_changed.send_robust(Service, **facts))
