"""What the studio tells customers' own systems, in OpenAI's words."""

from django.utils.translation import gettext_lazy as _

from studio.states import State
from tenants.webhook_types import register

#: What the end of a job is told as.
ENDS = {
    State.SUCCEEDED: "fine_tuning.job.succeeded",
    State.FAILED: "fine_tuning.job.failed",
    State.CANCELLED: "fine_tuning.job.cancelled",
}

register(ENDS[State.SUCCEEDED], _("A fine-tuning job has succeeded: its model can be called"))
register(ENDS[State.FAILED], _("A fine-tuning job has failed, and says why"))
register(ENDS[State.CANCELLED], _("A fine-tuning job was cancelled"))
