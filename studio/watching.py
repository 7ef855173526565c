"""All that moves while a job runs, as its page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.money import Money
from studio import curves, private_models, standing
from studio.curves import Learning
from studio.models import Checkpoint, FineTuningJob, JobEvent, TunedModel
from studio.standing import Standing
from studio.states import TERMINAL

#: So many events are told, the newest first.
EVENTS = 50


@dataclass(frozen=True, slots=True)
class Watched:
    """A job as it stands now."""

    standing: Standing
    learning: Learning | None
    events: Sequence[JobEvent]
    checkpoints: Sequence[Checkpoint]
    #: The private model that was made of it.
    tuned: TunedModel | None
    #: What was committed comes to so far; once it has ended, what it cost.
    cost: Money | None
    quote: Money | None
    limit: Money | None
    is_over: bool
    #: Whether anything may move yet: the job, or an engine that is being started.
    moves: bool
    #: The same while nothing has changed.
    stamp: str

    @property
    def back(self) -> Money | None:
        """What of the amount that is set aside would go back if it ended now."""
        if self.quote is None or self.is_over:
            return None
        return self.quote - self.cost if self.cost else self.quote


def of(job: FineTuningJob) -> Watched:
    """Return what moves of a job; its organization's scope must be open."""
    learning = curves.of(job)
    events = list(job.events.all()[:EVENTS])
    is_over = job.state in TERMINAL
    points = len(learning.rows) if learning else 0
    newest = events[0].pk if events else ""
    tuned = private_models.tuned_models(job.organization).filter(job=job).first()
    standing_of_model = tuned.standing if tuned else ""
    compute = job.compute_job.updated_at.timestamp() if job.compute_job else ""
    return Watched(
        standing=standing.of(job),
        learning=learning,
        events=events,
        checkpoints=list(job.checkpoints.all()),
        tuned=tuned,
        cost=_cost(job, learning),
        quote=Money(job.quote, job.currency) if job.quote is not None else None,
        limit=Money(job.max_cost, job.organization.currency) if job.max_cost is not None else None,
        is_over=is_over,
        moves=not is_over or standing_of_model == TunedModel.Standing.STARTING,
        stamp=f"{job.state}/{job.desired}/{newest}/{points}/{compute}/{standing_of_model}",
    )


def _cost(job: FineTuningJob, learning: Learning | None) -> Money | None:
    if job.cost is not None:
        return Money(job.cost, job.currency)
    if job.price is None or learning is None or job.state in TERMINAL:
        return None
    return Money(job.price.per_token * learning.tokens, job.currency)
