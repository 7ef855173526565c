"""Calendar months in an organization's billing time zone, as half-open intervals of UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Period:
    """One month: from its first instant (in) to the next month's (out)."""

    label: str
    start: datetime
    end: datetime


def month(year: int, number: int, time_zone: str) -> Period:
    """Return the month as it begins and ends in the time zone."""
    zone = ZoneInfo(time_zone)
    start = datetime(year, number, 1, tzinfo=zone)
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    end = datetime(*following, 1, tzinfo=zone)
    return Period(f"{year:04}-{number:02}", start.astimezone(UTC), end.astimezone(UTC))


def containing(instant: datetime, time_zone: str) -> Period:
    """Return the month that the instant falls in."""
    local = instant.astimezone(ZoneInfo(time_zone))
    return month(local.year, local.month, time_zone)


def parse(label: str, time_zone: str) -> Period:
    """Return the month written as 2026-03; raise ``ValueError`` for anything else."""
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", label)
    if found is None:
        raise ValueError(label)
    return month(int(found[1]), int(found[2]), time_zone)


def before(period: Period, time_zone: str) -> Period:
    """Return the month before."""
    year, number = map(int, period.label.split("-"))
    return month(year - 1, 12, time_zone) if number == 1 else month(year, number - 1, time_zone)
