"""How calls were answered, over any time: of one customer or many, as a whole or day by day.

Called inside a scope (or as the service); periods are half-open and begin on a quarter of an hour. What
was announced beforehand (:mod:`metering.maintenance`) is left out.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from uuid import UUID

from common.database import rows
from metering import maintenance
from metering.histograms import Histogram
from metering.maintenance import NOT_MAINTAINED

#: What is counted in steps; see :class:`metering.models.Measured`.
MEASURES = ("ttft", "speed", "gaps")


@dataclass(frozen=True, slots=True)
class Answered:
    """How calls were answered."""

    requests: int = 0
    failures: int = 0
    #: Calls that got no answer because of us; not among the requests.
    unanswered: int = 0
    spread: Mapping[str, Histogram] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """All calls, those without an answer included."""
        return self.requests + self.unanswered

    @property
    def failed(self) -> int:
        """The calls that failed because of us."""
        return self.failures + self.unanswered

    @property
    def availability(self) -> Decimal | None:
        """How many of a hundred calls did not fail because of us; rounded down."""
        if not self.calls:
            return None
        share = Decimal(100 * (self.calls - self.failed)) / self.calls
        return share.quantize(Decimal("0.001"), ROUND_FLOOR)

    @property
    def ttft_p50_ms(self) -> int | None:
        """Within how many milliseconds half of the calls have their first token."""
        return _whole(self._told("ttft", 50))

    @property
    def ttft_p95_ms(self) -> int | None:
        """The same of ninety-five of a hundred calls."""
        return _whole(self._told("ttft", 95))

    @property
    def tokens_per_second(self) -> Decimal | None:
        """How fast half of the answers came at least."""
        return _tenths(self._told("speed", 50))

    @property
    def inter_token_p95_ms(self) -> Decimal | None:
        """How evenly ninety-five of a hundred answers came; see ``UsageEvent``."""
        told = self._told("gaps", 95)
        return None if told is None else _tenths(told / 1000)

    def _told(self, measure: str, percent: int) -> float | None:
        return self.spread.get(measure, Histogram()).percentile(percent)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _tenths(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal("0.1"))


#: Whose calls, of what, where, on which day; a whole period has none.
Key = tuple[UUID, str, str, date | None]
_KEY = "organization_id, offer_name, region"
_WHOSE = f"""
    organization_id = ANY(%(owners)s) AND starts_at >= %(start)s AND starts_at < %(end)s
    AND (%(names)s::text[] IS NULL OR offer_name = ANY(%(names)s::text[])) AND {NOT_MAINTAINED}
"""
_DAY = "CASE WHEN %(by_day)s THEN (starts_at AT TIME ZONE %(zone)s)::date END AS day"
_TOLD = ", ".join(f"('{it}', {it})" for it in MEASURES)
SPREAD = f"""
SELECT {_KEY}, {_DAY}, measure, place::int AS place, sum(many::bigint)::bigint AS number
FROM metering_servicebucket AS called
CROSS JOIN LATERAL (VALUES {_TOLD}) AS m(measure, its)
CROSS JOIN LATERAL jsonb_each_text(its) AS step(place, many)
WHERE {_WHOSE} GROUP BY {_KEY}, day, measure, place
"""  # noqa: S608 - the names are this module's own
COUNTED = f"""
SELECT {_KEY}, day, sum(requests)::bigint AS requests, sum(failures)::bigint AS failures,
    sum(unanswered)::bigint AS unanswered
FROM (
    SELECT {_KEY}, {_DAY}, requests, failures, 0 AS unanswered
    FROM metering_servicebucket AS called WHERE {_WHOSE}
    UNION ALL
    SELECT {_KEY}, {_DAY}, 0, 0, calls FROM metering_failedcalls AS called WHERE {_WHOSE}
) AS each
GROUP BY {_KEY}, day
"""  # noqa: S608 - the names are this module's own


def of(
    owners: Iterable[UUID],
    start: datetime,
    end: datetime,
    *,
    names: Collection[str] | None = None,
    days_of: str = "",
) -> dict[Key, Answered]:
    """Return how the calls of a period were answered, by customer, offer and region.

    Of the offers that are named, or all; by the days of a time zone where one is given.
    """
    facts = {
        "owners": list(owners),
        "start": start,
        "end": end,
        "names": None if names is None else sorted(names),
        "by_day": bool(days_of),
        "zone": days_of or "UTC",
        **maintenance.parameters(start, end),
    }
    return told(rows(COUNTED, facts), rows(SPREAD, facts), _key)


def _key(row: Mapping[str, Any]) -> Key:
    return row["organization_id"], row["offer_name"], row["region"], row["day"]


def told(
    counted: Iterable[Mapping[str, Any]], spread: Iterable[Mapping[str, Any]], key: Any
) -> dict[Any, Answered]:
    """Return what rows of counts, and rows of steps, say together under each key."""
    steps: dict[Any, dict[str, dict[int, int]]] = {}
    for row in spread:
        of_measure = steps.setdefault(key(row), {}).setdefault(row["measure"], {})
        of_measure[row["place"]] = row["number"]
    return {
        key(row): Answered(
            row["requests"],
            row["failures"],
            row["unanswered"],
            {name: Histogram(counts) for name, counts in steps.get(key(row), {}).items()},
        )
        for row in counted
    }
