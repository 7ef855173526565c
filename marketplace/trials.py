"""What ways on trial have shown: how they answered, beside the others meanwhile."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from marketplace.models import Route, TrialArm, TrialOutcome, TrialTally

#: In seconds, the bounds by which answers are counted; what took longer is at the last.
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0)
Outcome = TrialOutcome


@dataclass(slots=True)
class Shown:
    """How requests were answered."""

    good: int = 0
    failed: int = 0
    broke: int = 0
    dropped: int = 0
    #: How many good answers began within a bound, and not within the one before.
    times: dict[float, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How many requests there were."""
        return self.good + self.failed

    @property
    def errors_percent(self) -> float | None:
        """How many per cent failed or broke off; None before the first request."""
        return 100 * (self.failed + self.broke) / self.asked if self.asked else None

    @property
    def median(self) -> float | None:
        """Within how many seconds half of the good answers began."""
        return self._within(0.5)

    @property
    def slow(self) -> float | None:
        """Within how many seconds nineteen of twenty did."""
        return self._within(0.95)

    def _within(self, part: float) -> float | None:
        left = part * sum(self.times.values())
        for bound in sorted(self.times):
            left -= self.times[bound]
            if left <= 0:
                return bound
        return None

    def add(self, tally: TrialTally) -> None:
        """Count what a gateway has counted."""
        name = str(tally.outcome)
        setattr(self, name, getattr(self, name) + tally.amount)
        if tally.outcome == Outcome.GOOD:
            self.times[tally.within] = self.times.get(tally.within, 0) + tally.amount


@dataclass(frozen=True, slots=True)
class Comparison:
    """A way on trial beside the others."""

    route: Route
    new: Shown
    usual: Shown


def comparisons(routes: Iterable[Route]) -> list[Comparison]:
    """Return what those of the ways that are on trial have shown; asked as the service role."""
    tried = [it for it in routes if it.is_on_trial]
    found: Mapping[UUID, Comparison] = {it.pk: Comparison(it, Shown(), Shown()) for it in tried}
    for tally in TrialTally.objects.filter(route__in=tried) if tried else ():
        both = found[tally.route_id]
        (both.new if tally.arm == TrialArm.NEW else both.usual).add(tally)
    return list(found.values())
