"""Is it fine? What answers this for one member of an organization, at a glance."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from billing import queries as billing
from common.money import Money
from metering import queries as metering
from metering.queries import Cut, Usage
from portal import attention, finances, onboarding
from portal.attention import Attention
from portal.finances import Finances
from portal.onboarding import Step
from portal.usage import charts, periods
from portal.usage.requests import Line, lines
from tenants.models import Membership, Organization, User

CHART_DAYS = 14
LATEST = 5
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Numbers, warnings, the next step and what happened last."""

    finances: Finances
    last_day: Usage
    attention: list[Attention]
    steps: list[Step]
    next_step: Step | None
    chart: dict[str, Any]
    requests: list[Line]
    #: Whether nobody has made a call yet.
    is_new: bool
    #: Says nothing but whether an open page shows the present state.
    state: str


def state(organization: Organization) -> str:
    """Return a word that changes when usage or credit does; the scope must be open."""
    live = billing.balances([organization])[organization.pk]
    return _state(metering.newest(organization), live)


def _state(newest: str, live: Money) -> str:
    return f"{newest}:{live.amount.normalize():f}"


def build(membership: Membership, person: User) -> Dashboard:
    """Put the answer together; the organization's scope must be open."""
    organization, now = membership.organization, timezone.now()
    # Before all that is shown: what comes meanwhile is news to the open page.
    newest = metering.newest(organization)
    money = finances.of(organization)
    last_day = metering.total(Cut(organization, now - ONE_DAY, now))
    today = now.astimezone(ZoneInfo(organization.time_zone)).date()
    days = periods.latest_days(CHART_DAYS, today, organization.time_zone)
    cut = Cut(organization, days.start, days.end, days.time_zone)
    steps = onboarding.steps(membership, person)
    return Dashboard(
        finances=money,
        last_day=last_day,
        attention=attention.warnings(membership, money, last_day),
        steps=steps,
        next_step=onboarding.following(steps),
        chart=charts.draw(days, charts.tokens(metering.usage(cut, "day", "model")), {}),
        requests=lines(metering.requests(cut, limit=LATEST)),
        is_new=not any(step.name == "first-call" and step.is_done for step in steps),
        state=_state(newest, money.live),
    )
