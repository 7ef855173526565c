"""What a customer was promised in a month and what came of it: as judged, or so far.

Read in a scope. Months are cut where the customer is; every figure comes from sums, not from requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from billing import judging, periods
from billing.judging import Verdict
from billing.models import ServiceMonth
from billing.periods import Period
from common.errors import NotFound
from common.money import Money
from marketplace import service_levels
from marketplace.models import ServiceLevel
from metering import answered
from metering.answered import Answered, Key
from tenants.models import Organization, Region

#: So many months can be asked for, the running one first.
MOST_MONTHS = 13


@dataclass(frozen=True, slots=True)
class Promise:
    """A customer's month of an offer in a region."""

    offer_name: str
    #: Its code, and what people call it.
    region: str
    region_name: str
    #: What was promised when the month began; None: nothing.
    level: ServiceLevel | None
    its: Answered
    days: Sequence[tuple[date, Answered]]
    #: How it was judged with its invoice; None: it was not yet.
    judged: ServiceMonth | None

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of each target so far, or as it was judged."""
        if self.judged is not None:
            return [_kept(it) for it in self.judged.verdicts]
        return judging.verdicts(self.level, self.its) if self.level else []

    @property
    def is_enough(self) -> bool:
        """Whether there are calls enough to judge the month."""
        if self.judged is not None:
            return self.judged.is_judged
        return self.level is not None and self.its.calls >= self.level.least_calls

    @property
    def is_missed(self) -> bool:
        """Whether a target is missed, of a month that is judged."""
        return self.is_enough and any(it.is_missed for it in self.verdicts)

    @property
    def tone(self) -> str:
        """How the state is shown; its words carry the meaning."""
        if not self.level:
            return ""
        if not self.is_enough:
            return "note"
        return "bad" if self.is_missed else "good"

    @property
    def words(self) -> StrOrPromise:
        """The state in words."""
        if not self.level:
            return _("Nothing promised")
        if not self.is_enough:
            return _("Too few calls to judge")
        return _("Missed") if self.is_missed else _("Kept")

    @property
    def credit(self) -> Money | None:
        """What was credited for it, once it was judged."""
        return Money(self.judged.credit, self.judged.currency) if self.judged else None

    @property
    def on_invoice(self) -> Money | None:
        """What of it stands on the invoice."""
        return Money(self.judged.on_invoice, self.judged.currency) if self.judged else None

    @property
    def as_credit(self) -> Money | None:
        """What of it came back as credit."""
        return Money(self.judged.as_credit, self.judged.currency) if self.judged else None


def _kept(facts: Mapping[str, str | None]) -> Verdict:
    measured = facts["measured"]
    numbers = {name: Decimal(facts[name] or 0) for name in ("target", "missed_by", "credit")}
    name = str(facts["name"])
    return Verdict(name=name, measured=None if measured is None else Decimal(measured), **numbers)


@dataclass(frozen=True, slots=True)
class Month:
    """All that was promised to a customer in a month."""

    period: Period
    is_over: bool
    promises: Sequence[Promise]


def months(organization: Organization) -> list[str]:
    """Return the months that can be asked for, the running one first."""
    period = periods.containing(timezone.now(), organization.time_zone)
    found: list[str] = []
    while len(found) < MOST_MONTHS:
        found.append(period.label)
        period = periods.before(period, organization.time_zone)
    return found


def month(organization: Organization, label: str) -> Month:
    """Return what became of a month written as 2026-03; refuses one to come."""
    try:
        period = periods.parse(label, organization.time_zone)
    except ValueError as error:
        raise NotFound from error
    if period.start > timezone.now():
        raise NotFound
    owner, zone = organization.pk, organization.time_zone
    whole = answered.of([owner], period.start, period.end)
    by_day = answered.of([owner], period.start, period.end, days_of=zone)
    levels = service_levels.at(period.start)
    judged = {
        (it.offer_name, it.region): it
        for it in ServiceMonth.objects.filter(
            organization=organization, starts_at=period.start
        ).select_related("level__offer")
    }
    regions = dict(Region.objects.values_list("code", "name"))
    promises = [
        _promise(key, its, by_day, levels, judged.get(key[1:3]), regions)
        for key, its in sorted(whole.items(), key=lambda it: it[0][1:3])
    ]
    return Month(period, period.end <= timezone.now(), promises)


def _promise(
    key: Key,
    its: Answered,
    by_day: Mapping[Key, Answered],
    levels: Mapping[str, ServiceLevel],
    judged: ServiceMonth | None,
    regions: Mapping[str, str],
) -> Promise:
    whose, name, region, _day = key
    found = [
        (day, of_day)
        for (owner, offer, where, day), of_day in by_day.items()
        if (owner, offer, where) == (whose, name, region) and day is not None
    ]
    days = sorted(found, key=lambda it: it[0])
    level = judged.level if judged else levels.get(name)
    return Promise(name, region, regions.get(region, region), level, its, days, judged)
