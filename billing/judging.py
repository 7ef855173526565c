"""A customer's month held against what was promised: what was missed, and what that is worth."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django_stubs_ext import StrOrPromise

from common.money import exact
from marketplace import service_levels
from marketplace.models import TARGETS, ServiceLevel
from metering.answered import Answered

ZERO, HUNDRED = Decimal(0), Decimal(100)
#: Where more is better.
HIGHER = frozenset({"tokens_per_second", "availability"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and what was measured."""

    name: str
    target: Decimal
    #: None: nothing was measured of it.
    measured: Decimal | None
    #: By how much it was missed: in per cent of the target, of availability in points; 0: it was met.
    missed_by: Decimal
    #: What is credited for it, in per cent of the month's charges.
    credit: Decimal

    @property
    def label(self) -> StrOrPromise:
        """What was promised, in words."""
        return TARGETS[self.name]

    @property
    def is_missed(self) -> bool:
        """Whether less came than was promised."""
        return self.missed_by > 0

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        words = {name: f"{getattr(self, name):f}" for name in ("target", "missed_by", "credit")}
        measured = None if self.measured is None else f"{self.measured:f}"
        return {"name": self.name, **words, "measured": measured}


def verdicts(level: ServiceLevel, its: Answered) -> list[Verdict]:
    """Return what became of each target that is promised."""
    return [
        _verdict(level, name, _plain(target), getattr(its, name))
        for name in TARGETS
        if (target := getattr(level, name)) is not None
    ]


def _plain(target: Decimal | int) -> Decimal:
    """Return a number without the zeros that the database keeps behind it."""
    return Decimal(f"{Decimal(target).normalize():f}")


def _verdict(level: ServiceLevel, name: str, target: Decimal, told: Any) -> Verdict:
    measured = None if told is None else Decimal(told)
    missed_by = _missed_by(name, target, measured)
    steps = level.availability_steps if name == "availability" else level.steps
    credit = service_levels.credited(steps, missed_by) if missed_by > 0 else ZERO
    return Verdict(name, target, measured, missed_by, credit)


def _missed_by(name: str, target: Decimal, measured: Decimal | None) -> Decimal:
    if measured is None:
        return ZERO
    missing = target - measured if name in HIGHER else measured - target
    if name != "availability":
        missing = missing * HUNDRED / target
    return exact(max(missing, ZERO))


@dataclass(frozen=True, slots=True)
class Judged:
    """A customer's month of an offer, and what it comes to."""

    level: ServiceLevel
    region: str
    its: Answered
    #: What the offer cost the customer in the month there, before credit.
    charges: Decimal

    @property
    def offer_name(self) -> str:
        """What was called."""
        return self.level.offer.name

    @property
    def is_enough(self) -> bool:
        """Whether there were calls enough to judge the month."""
        return self.its.calls >= self.level.least_calls

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of each target."""
        return verdicts(self.level, self.its)

    @property
    def is_missed(self) -> bool:
        """Whether a target was missed by a month that is judged."""
        return self.is_enough and any(it.is_missed for it in self.verdicts)

    @property
    def percent(self) -> Decimal:
        """What is credited of the charges, in per cent: all that was missed, capped."""
        if not self.is_enough:
            return ZERO
        return min(sum((it.credit for it in self.verdicts), ZERO), self.level.cap)

    @property
    def credit(self) -> Decimal:
        """What is credited, exactly."""
        return exact(self.charges * self.percent / HUNDRED)
