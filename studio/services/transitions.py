"""Moving a job: the only writer of its state."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from common.database import atomic
from studio.errors import WrongState
from studio.models import FineTuningJob, JobEvent
from studio.states import ALLOWED, TERMINAL, State
from studio.webhook_types import ENDS
from tenants.services import audit, webhooks

#: What each state is told as; pages say it in their reader's language.
MESSAGES = {
    State.AWAITING_FUNDS: _("What the job costs at most is set aside."),
    State.QUEUED: _("The dataset can be used; the job is queued."),
    State.DISPATCHED: _("The job was handed to a cluster."),
    State.RUNNING: _("The job runs."),
    State.RECOVERING: _("The cluster failed; the job starts again."),
    State.FINALIZING: _("The job has run; its result is checked."),
    State.CANCELLING: _("The job is being cancelled."),
    State.SUCCEEDED: _("The job has succeeded."),
    State.CANCELLED: _("The job was cancelled."),
}
LEVELS = {State.FAILED: "error", State.RECOVERING: "warn"}


@atomic()
def move(job: FineTuningJob, to: State, **facts: Any) -> FineTuningJob:
    """Move the job and write the facts, or raise ``WrongState``; audited and told to its owner."""
    job = FineTuningJob.objects.locked(job.pk)
    if to not in ALLOWED[job.state]:
        raise WrongState
    before = job.state
    job.state = to
    for name, value in facts.items():
        setattr(job, name, value)
    if to in TERMINAL:
        job.finished_at = timezone.now()
    job.save()
    message = job.error_message if to == State.FAILED else MESSAGES[to]
    JobEvent.objects.create(
        organization_id=job.organization_id,
        job=job,
        level=LEVELS.get(to, "info"),
        message=message,
    )
    audit.record(
        organization=job.organization,
        actor=None,
        action=f"fine_tuning_job.{to.value}",
        target=job,
        before={"state": before},
        after={"state": to.value, "attempt": job.attempt, "error": job.error_code},
    )
    if to in ENDS:
        webhooks.emit(job.organization_id, ENDS[to], key=job.public_id, data={"id": job.public_id})
    return job


def fail(job: FineTuningJob, code: str, message: str, param: str = "") -> FineTuningJob:
    """End the job with what went wrong, in words for its owner."""
    return move(job, State.FAILED, error_code=code, error_message=message[:500], error_param=param)
