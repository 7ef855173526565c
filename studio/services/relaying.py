"""What a job says while it runs, told to its owner as events."""

from studio import artifacts
from studio.models import FineTuningJob, JobEvent
from studio.services import results
from studio.states import State
from tenants.scope import scope

#: Where a payload may be saying something.
SPEAKING = (State.DISPATCHED, State.RUNNING, State.FINALIZING, State.CANCELLING)


def relay(job: FineTuningJob) -> None:
    """Tell the owner what the attempt has said since; the same words once."""
    said = artifacts.said(results.attempt_name(job, job.attempt))
    if not said:
        return
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        known = set(job.events.filter(message__in=said).values_list("message", flat=True))
        for words in dict.fromkeys(said):
            if words not in known:
                JobEvent.objects.create(organization_id=job.organization_id, job=job, message=words)
