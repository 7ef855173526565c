"""The stretches of time that budgets count, cut as the organization's clocks go."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from billing import periods

DAY, WEEK, MONTH, FIXED = "day", "week", "month", "fixed"


class Counted(Protocol):
    """What says how a budget's time is cut."""

    @property
    def window(self) -> str:
        """Return day, week, month or fixed."""

    @property
    def time_zone(self) -> str:
        """Return the name of the time zone."""

    @property
    def starts_at(self) -> datetime | None:
        """Return when a fixed one begins."""

    @property
    def ends_at(self) -> datetime | None:
        """Return when a fixed one ends."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, in UTC."""

    starts_at: datetime
    ends_at: datetime

    def holds(self, at: datetime) -> bool:
        """Tell whether the instant lies in it."""
        return self.starts_at <= at < self.ends_at


def containing(budget: Counted, at: datetime) -> Span | None:
    """Return the window that the instant falls in; None outside a fixed one."""
    if budget.window == FIXED:
        if budget.starts_at is None or budget.ends_at is None:
            return None
        fixed = Span(budget.starts_at, budget.ends_at)
        return fixed if fixed.holds(at) else None
    if budget.window == MONTH:
        month = periods.containing(at, budget.time_zone)
        return Span(month.start, month.end)
    zone = ZoneInfo(budget.time_zone)
    day = at.astimezone(zone).date()
    # Weeks begin on Monday, as ISO 8601 counts them.
    first = day - timedelta(days=day.weekday()) if budget.window == WEEK else day
    length = timedelta(days=7 if budget.window == WEEK else 1)
    start = datetime.combine(first, time(), tzinfo=zone)
    end = datetime.combine(first + length, time(), tzinfo=zone)
    return Span(start.astimezone(UTC), end.astimezone(UTC))
