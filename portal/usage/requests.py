"""Single requests with what each was worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from billing import queries as billing
from common.money import Money
from marketplace.models import TokenPart
from metering.models import ANSWER_PARTS, PROMPT_PARTS, UsageEvent


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended, in a word."""

    label: StrOrPromise
    tone: str
    icon: str


OUTCOMES = {
    "completed": Outcome(_("Completed"), "good", "circle-check"),
    "client_gone": Outcome(_("Client left"), "", "log-out"),
    "upstream_failed": Outcome(_("Broke off"), "bad", "circle-x"),
    "interrupted": Outcome(_("Interrupted"), "bad", "circle-x"),
    "failed": Outcome(_("Failed"), "bad", "circle-x"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One request as lists show it."""

    event: UsageEvent
    cost: Money | None

    @property
    def key_name(self) -> str:
        """The name of the key it was made with; requests of other meters may have none."""
        return self.event.api_key.name if self.event.api_key else ""

    @property
    def beside_input(self) -> list[tuple[StrOrPromise, int]]:
        """What else was read than new text."""
        return self._counted(PROMPT_PARTS[1:])

    @property
    def beside_output(self) -> list[tuple[StrOrPromise, int]]:
        """What else was made than text to be read."""
        return self._counted(ANSWER_PARTS[1:])

    @property
    def outcome(self) -> Outcome:
        """How it ended; words that other meters use are shown as they are."""
        return OUTCOMES.get(self.event.outcome) or Outcome(self.event.outcome, "", "circle")

    def _counted(self, parts: Sequence[str]) -> list[tuple[StrOrPromise, int]]:
        counts = [(TokenPart(part).label, self.event.of(part)) for part in parts]
        return [(label, count) for label, count in counts if count]


def lines(events: Sequence[UsageEvent]) -> list[Line]:
    """Return the requests with their worth, in their order."""
    costs = billing.worth(events)
    return [Line(event, costs.get(event.pk)) for event in events]
