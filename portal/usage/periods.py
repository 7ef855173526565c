"""Whole days in a time zone, as the usage page counts them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From one day to another, both included."""

    first: date
    last: date
    time_zone: str
    today: date

    @property
    def is_open(self) -> bool:
        """Whether today is among the days, so that their sums still grow."""
        return self.first <= self.today <= self.last

    @property
    def start(self) -> datetime:
        """The first instant in it."""
        return self._midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return self._midnight(self.last + ONE_DAY)

    @property
    def days(self) -> list[date]:
        """Every day of it that has begun, oldest first."""
        count = (min(self.last, self.today) - self.first).days + 1
        return [self.first + number * ONE_DAY for number in range(count)]

    def _midnight(self, day: date) -> datetime:
        local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.time_zone))
        return local.astimezone(UTC)


def latest_days(count: int, today: date, time_zone: str) -> Period:
    """Return so many days, of which today is the last."""
    return Period(today - (count - 1) * ONE_DAY, today, time_zone, today)


def named(name: str, today: date, time_zone: str) -> Period:
    """Return the period that a reader calls month, last-month, 7d or 30d."""
    first_of_month = today.replace(day=1)
    match name:
        case "month":
            return Period(first_of_month, today, time_zone, today)
        case "last-month":
            last = first_of_month - ONE_DAY
            return Period(last.replace(day=1), last, time_zone, today)
        case _:
            return latest_days(int(name.removesuffix("d")), today, time_zone)
