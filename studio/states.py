"""Where a fine-tuning job can stand, and where it can go from there."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """The states, from asking to the end."""

    VALIDATING = "validating", _("Checking the dataset")
    AWAITING_FUNDS = "awaiting_funds", _("Waiting for credit")
    QUEUED = "queued", _("Queued")
    DISPATCHED = "dispatched", _("Handed to a cluster")
    RUNNING = "running", _("Running")
    RECOVERING = "recovering", _("Starting again")
    FINALIZING = "finalizing", _("Checking the result")
    CANCELLING = "cancelling", _("Being cancelled")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


S = State
#: The one table of what may follow what. A job that finished before its cancellation reached it
#: has succeeded.
ALLOWED: dict[str, frozenset[State]] = {
    S.VALIDATING: frozenset({S.AWAITING_FUNDS, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.AWAITING_FUNDS: frozenset({S.QUEUED, S.FAILED, S.CANCELLED}),
    S.QUEUED: frozenset({S.DISPATCHED, S.FAILED, S.CANCELLED}),
    S.DISPATCHED: frozenset({S.RUNNING, S.RECOVERING, S.FINALIZING, S.CANCELLING, S.FAILED}),
    S.RUNNING: frozenset({S.RECOVERING, S.FINALIZING, S.CANCELLING, S.FAILED}),
    S.RECOVERING: frozenset(
        {S.RECOVERING, S.RUNNING, S.FINALIZING, S.CANCELLING, S.FAILED, S.CANCELLED}
    ),
    S.FINALIZING: frozenset({S.SUCCEEDED, S.FAILED}),
    S.CANCELLING: frozenset({S.FINALIZING, S.CANCELLED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}
TERMINAL = frozenset(state for state, following in ALLOWED.items() if not following)

#: What OpenAI's clients are told.
OPENAI = {
    S.VALIDATING: "validating_files",
    S.AWAITING_FUNDS: "queued",
    S.QUEUED: "queued",
    S.DISPATCHED: "queued",
    S.RUNNING: "running",
    S.RECOVERING: "running",
    S.FINALIZING: "running",
    S.CANCELLING: "cancelled",
    S.SUCCEEDED: "succeeded",
    S.FAILED: "failed",
    S.CANCELLED: "cancelled",
}
