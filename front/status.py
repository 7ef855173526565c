"""How the service does: the present state of its parts, what is told, and ninety days of it."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from front.models import CLOSED, Impact, Incident, Part, State
from front.remembered import Remembered
from marketplace import showcase
from marketplace.models import Offer
from tenants.models import Region

#: How far back the page shows.
REACH = timedelta(days=90)
#: The least first.
WEIGHT = {impact: weight for weight, impact in enumerate(Impact)}


@dataclass(frozen=True, slots=True)
class Board:
    """All that the last ninety days have, the newest first; and which models may be named."""

    incidents: Sequence[Incident]
    named: frozenset[uuid.UUID]

    def shown(self) -> list[Incident]:
        """Return what is open or was: planned work that is to come stands apart."""
        return [it for it in self.incidents if it.state != State.CANCELLED and not is_coming(it)]

    def open(self) -> list[Incident]:
        """Return what is under way."""
        return [it for it in self.shown() if it.is_open]

    def past(self) -> list[Incident]:
        """Return what is over."""
        return [it for it in self.shown() if not it.is_open]

    def coming(self) -> list[Incident]:
        """Return planned work, the next first."""
        found = [it for it in self.incidents if it.is_open and is_coming(it)]
        return sorted(found, key=lambda it: it.started_at)

    def models_of(self, incident: Incident) -> list[str]:
        """Return the names of the models it concerns that everybody may know."""
        return [it.name for it in incident.named_models.all() if it.pk in self.named]


@dataclass(frozen=True, slots=True)
class PartState:
    """How a part does now; no impact where it works."""

    part: Part
    impact: Impact | None


@dataclass(frozen=True, slots=True)
class Day:
    """The worst of a day, and what there was; no impact where all worked."""

    day: date
    impact: Impact | None
    incidents: Sequence[Incident]


@dataclass(frozen=True, slots=True)
class Window:
    """When work was announced, from until."""

    incident_id: uuid.UUID
    starts_at: datetime
    ends_at: datetime


def _board() -> Board:
    since = timezone.now() - REACH
    recent = Incident.objects.filter(Q(ended_at=None) | Q(ended_at__gte=since))
    visible = showcase.live_models().values_list("pk", flat=True)
    return Board(list(recent.told()), frozenset(visible))


board: Remembered[Board] = Remembered(_board, Board((), frozenset()))


def is_coming(incident: Incident) -> bool:
    """Whether it is planned work whose window has not begun."""
    return incident.state == State.SCHEDULED and incident.started_at > timezone.now()


def parts() -> list[PartState]:
    """Return how each part does now, from what staff has told."""
    ongoing = board().open()
    return [PartState(part, worst(it for it in ongoing if part in it.parts)) for part in Part]


def worst(incidents: Iterable[Incident]) -> Impact | None:
    """Return the gravest impact of these, None where there are none."""
    return max((Impact(it.impact) for it in incidents), key=WEIGHT.__getitem__, default=None)


def days() -> list[Day]:
    """Return the last ninety days in UTC, today first, with what there was on each."""
    today = timezone.localdate()
    told = board().shown()
    return [_day(today - timedelta(days=back), told) for back in range(REACH.days)]


def _day(day: date, told: Sequence[Incident]) -> Day:
    now = timezone.now()
    its = [it for it in told if it.started_at.date() <= day <= (it.ended_at or now).date()]
    return Day(day, worst(its), its)


def open_incidents() -> list[Incident]:
    """Return what does not work now, for the desk: the gravest first, no planned work."""
    found = Incident.objects.open().exclude(impact=Impact.MAINTENANCE).told()
    return sorted(found, key=lambda it: WEIGHT[Impact(it.impact)], reverse=True)


def maintenance_windows(
    since: datetime,
    until: datetime,
    *,
    offer: Offer | None = None,
    region: Region | None = None,
) -> list[Window]:
    """Return when work on calls of models was announced in an interval, cut to it, in order.

    Counted is what was announced before it began and not called off; it ends where it was said to
    end, or when it was over before that. Work that names models concerns these alone, and work that
    names regions is that of these regions. What is not named by the caller is not looked at.
    """
    found = Incident.objects.maintenance().filter(
        parts__contains=[Part.API], started_at__lt=until, planned_until__gt=since
    )
    if offer is not None:
        own = Q(named_models__versions__offers=offer)
        found = found.filter(own | Q(named_models=None))
        region = region or offer.region
    if region is not None:
        found = found.filter(Q(regions=region) | Q(regions=None))
    windows = []
    for incident in found.distinct().order_by("started_at", "pk"):
        end = _end(incident)
        if end > max(incident.started_at, since):
            windows.append(Window(incident.pk, max(incident.started_at, since), min(end, until)))
    return windows


def _end(incident: Incident) -> datetime:
    planned = incident.planned_until or incident.started_at
    if incident.state in CLOSED and incident.ended_at is not None:
        return min(planned, incident.ended_at)
    return planned
