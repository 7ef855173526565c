"""Brings a batch from one state to the next. The row is the queue; whoever claims it goes on.

A bell may ring twice, or for a batch that another worker has, or never: the sweep finds what could
go on. One batch of an organization runs at a time, so that its lines at once are bounded.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.utils import timezone

from common import jobs
from common.database import service
from common.ids import uuid7
from files import blobs
from gateway.batches import checking, intake, results, running
from gateway.batches.lines import LEASE
from gateway.batches.running import End, Job, Report
from gateway.errors import GatewayError
from gateway.models import Batch, BatchStatus
from tenants.scope import scope

log = structlog.get_logger(__name__)

#: After a refusal that may pass a batch rests, twice as long each time.
LONGEST_REST = 60
#: Longer than a task may run: reading a file, or writing one, says nothing meanwhile.
LONG_LEASE = timedelta(minutes=6)
AFTER_A_FAULT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that this worker alone may go on with."""

    batch: Batch
    lease: uuid.UUID


def sweep() -> int:
    """Have every batch that could go on looked at; return how many there are."""
    with service():
        waiting = list(Batch.objects.waiting().order_by("id").values_list("organization_id", "pk"))
    for organization_id, batch_id in waiting:
        facts = {"organization_id": str(organization_id), "batch_id": str(batch_id)}
        jobs.enqueue("gateway.advance_batch", **facts)
    return len(waiting)


def advance(organization_id: uuid.UUID, batch_id: uuid.UUID) -> None:
    """Bring the batch on for a while, unless another worker does or it has to wait."""
    claim = _claim(organization_id, batch_id)
    if claim is None:
        return
    # What goes wrong in a way that nobody foresaw is not tried again at once.
    facts: dict[str, Any] = {"resumes_at": timezone.now() + AFTER_A_FAULT}
    try:
        facts = _step(claim)
    finally:
        _release(claim, facts)


def _claim(organization_id: uuid.UUID, batch_id: uuid.UUID) -> Claim | None:
    """Take the lease; of an organization's batches one runs its lines at a time."""
    with scope(organization_id):
        # All in one order, so that two who claim wait for each other and see what the first took.
        open_ones = {each.pk: each for each in Batch.objects.open().in_turn()}
        batch, now = open_ones.pop(batch_id, None), timezone.now()
        if batch is None or not batch.is_free(now):
            return None
        runs = batch.status == BatchStatus.IN_PROGRESS
        if runs and any(it.runs_elsewhere(now) for it in open_ones.values()):
            return None
        lease, until = uuid7(), now + (LEASE if runs else LONG_LEASE)
        Batch.objects.filter(pk=batch_id).update(lease=lease, leased_until=until)
        shown = ("organization", "input_file", "api_key")
        return Claim(Batch.objects.select_related(*shown).get(pk=batch_id), lease)


def _step(claim: Claim) -> dict[str, Any]:
    """Do what comes next; returns what is to be noted of the batch beside that."""
    batch = claim.batch
    if batch.status == BatchStatus.IN_PROGRESS:
        if batch.is_over_time:
            return _finalizing(BatchStatus.EXPIRED)
        return _worked(batch, _work(claim))
    if batch.status == BatchStatus.VALIDATING:
        checking.check(batch, claim.lease)
    else:
        results.write(batch, claim.lease)
    return {}


def _work(claim: Claim) -> Report:
    batch = claim.batch
    job = Job(
        batch_id=batch.pk,
        organization_id=batch.organization_id,
        api_key_id=batch.api_key_id,
        lease=claim.lease,
        endpoint=batch.endpoint,
        blob=blobs.of(batch.input_file),
        usage=batch.usage,
        seconds=(batch.expires_at - timezone.now()).total_seconds(),
    )
    try:
        return running.run(job)
    except FileNotFoundError:
        return Report(End.FORBIDDEN, reason=results.FileGone())
    except running.TROUBLE as error:
        log.warning("batch_waits", batch=batch.public_id, reason=repr(error))
        return Report(End.REFUSED)


def _worked(batch: Batch, report: Report) -> dict[str, Any]:
    match report.end:
        case End.DONE:
            return _finalizing(BatchStatus.COMPLETED)
        case End.FORBIDDEN:
            reason = report.reason or GatewayError("")
            return _finalizing(BatchStatus.FAILED) | {"errors": [_told(reason)]}
        case End.REFUSED:
            rests = 0 if report.written else batch.rests
            rest = timedelta(seconds=min(2**rests, LONGEST_REST))
            return {"resumes_at": timezone.now() + rest, "rests": min(rests + 1, 6)}
        case _:
            return {}


def _finalizing(outcome: BatchStatus) -> dict[str, Any]:
    return {
        "status": BatchStatus.FINALIZING,
        "outcome": outcome,
        "finalizing_at": timezone.now(),
        "resumes_at": None,
    }


def _told(reason: GatewayError) -> dict[str, Any]:
    return {"code": reason.code, "message": reason.message, "param": reason.param, "line": None}


def _release(claim: Claim, facts: dict[str, Any]) -> None:
    """Let go of the batch with what is to be noted; ring for whatever can go on now."""
    with scope(claim.batch.organization_id):
        batch = Batch.objects.locked(claim.batch.pk)
        if batch.lease != claim.lease:
            return
        if batch.status == claim.batch.status:
            # Otherwise it was cancelled meanwhile, and what we meant to do with it does not count.
            for name, value in facts.items():
                setattr(batch, name, value)
        batch.lease = batch.leased_until = None
        batch.save()
        # The one that was left alone for longest is next.
        following = Batch.objects.waiting().order_by("updated_at").first()
        if following is not None:
            intake.ring(following)
