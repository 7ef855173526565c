"""What a request was like decides how much its units count: its prompt, its hour, its tier.

The multiplier weighs the quantity, not the price: a token of a long prompt counts as two. So it
goes with every price shape, and the order of requests does not matter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from billing.rating.reading import InvalidPrice, above_zero
from billing.rating.units import PRECISE
from common.money import exact

if TYPE_CHECKING:
    from billing.rating.definition import PriceDefinition

ONE = Decimal(1)
MAX_ENTRIES = 20
#: Usage is summed up by the quarter of an hour: prices change at no other time of the day.
QUARTER = 15
EVERY_DAY = frozenset(range(1, 8))
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class LongContext:
    """What units of a request count whose prompt has more than so many tokens."""

    above: Decimal
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the day, past midnight if need be, on the weekdays on which it begins."""

    begins: time
    ends: time
    days: frozenset[int]
    multiplier: Decimal

    def holds(self, local: datetime) -> bool:
        """Tell whether the local time lies in it."""
        clock, day = local.time(), local.isoweekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= clock < self.ends
        yesterday = (local - timedelta(days=1)).isoweekday()
        return (day in self.days and clock >= self.begins) or (
            yesterday in self.days and clock < self.ends
        )


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """What units count by the clock of a place; the first window that holds decides."""

    zone: ZoneInfo
    windows: tuple[Window, ...]

    def multiplier(self, at: datetime) -> Decimal:
        """Return what a unit counts at the instant."""
        local = at.astimezone(self.zone)
        return next((it.multiplier for it in self.windows if it.holds(local)), ONE)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the request that the units belong to."""

    at: datetime | None = None
    prompt: int = 0
    is_batch: bool = False


def multiplier(price: "PriceDefinition", of: Circumstances) -> Decimal:
    """Return what each unit of such a request counts: one, unless the price says otherwise."""
    found = ONE
    exceeded = [tier.multiplier for tier in price.long_context if of.prompt > tier.above]
    if exceeded:
        found = exceeded[-1]
    if price.time_of_day is not None and of.at is not None:
        found = PRECISE.multiply(found, price.time_of_day.multiplier(of.at))
    if price.batch_multiplier is not None and of.is_batch:
        found = PRECISE.multiply(found, price.batch_multiplier)
    return exact(found) if found != ONE else ONE


def dearest(price: "PriceDefinition", of: Circumstances) -> Decimal:
    """Return the most that a unit can count whose prompt may turn out shorter than it is bound."""
    shorter = Circumstances(of.at, 0, of.is_batch)
    bounds = [Circumstances(of.at, int(t.above) + 1, of.is_batch) for t in price.long_context]
    reachable = [it for it in bounds if it.prompt <= of.prompt]
    return max(multiplier(price, it) for it in [shorter, *reachable])


def long_context(field: str, value: Any) -> tuple[LongContext, ...]:
    """Read the tiers of long prompts, each above the one before."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ENTRIES:
        raise InvalidPrice(field, f"must be a list of 1 to {MAX_ENTRIES} entries")
    found = tuple(_long(f"{field}.{number}", entry) for number, entry in enumerate(value))
    for number in range(1, len(found)):
        if found[number].above <= found[number - 1].above:
            raise InvalidPrice(f"{field}.{number}.above", "must be above the entry before")
    return found


def _long(field: str, value: Any) -> LongContext:
    if not isinstance(value, Mapping) or value.keys() != {"above", "multiplier"}:
        raise InvalidPrice(field, "has above and multiplier")
    return LongContext(
        above_zero(f"{field}.above", value["above"]),
        above_zero(f"{field}.multiplier", value["multiplier"]),
    )


def time_of_day(field: str, value: Any) -> TimeOfDay:
    """Read the windows of the day and the place whose clock counts."""
    if not isinstance(value, Mapping) or value.keys() != {"time_zone", "windows"}:
        raise InvalidPrice(field, "has time_zone and windows")
    windows = value["windows"]
    if not isinstance(windows, list) or not 1 <= len(windows) <= MAX_ENTRIES:
        raise InvalidPrice(f"{field}.windows", f"must be a list of 1 to {MAX_ENTRIES} windows")
    return TimeOfDay(
        _zone(f"{field}.time_zone", value["time_zone"]),
        tuple(_window(f"{field}.windows.{n}", entry) for n, entry in enumerate(windows)),
    )


def _zone(field: str, value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ValueError, TypeError, OSError, LookupError, AttributeError):
        raise InvalidPrice(field, "must be a time zone such as Europe/Paris") from None


def _window(field: str, value: Any) -> Window:
    known = {"from", "until", "multiplier", "days"}
    if not isinstance(value, Mapping) or value.keys() - known or known - {"days"} - value.keys():
        raise InvalidPrice(field, "has from, until, multiplier and days")
    begins = _clock(f"{field}.from", value["from"])
    ends = _clock(f"{field}.until", value["until"])
    if begins == ends:
        raise InvalidPrice(f"{field}.until", "must differ from its beginning")
    days = _days(f"{field}.days", value.get("days", sorted(EVERY_DAY)))
    return Window(begins, ends, days, above_zero(f"{field}.multiplier", value["multiplier"]))


def _clock(field: str, value: Any) -> time:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[2]) % QUARTER:
        raise InvalidPrice(field, "must be a quarter of an hour such as 22:00")
    return time(int(found[1]), int(found[2]))


def _days(field: str, value: Any) -> frozenset[int]:
    if not isinstance(value, list) or not value or any(type(day) is not int for day in value):
        raise InvalidPrice(field, "must be a list of weekdays, 1 for Monday to 7 for Sunday")
    if not set(value) <= EVERY_DAY:
        raise InvalidPrice(field, "must be a list of weekdays, 1 for Monday to 7 for Sunday")
    return frozenset(value)
