"""What was settled for the requests of periods, from the sums that are written with them.

Called as the service.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from billing.models import RatedUsage, SpendBucket, SpendDay
from billing.periods import Period

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Settled:
    """What was settled for so many requests, and what of it no credit paid."""

    amount: Decimal = Decimal(0)
    uncovered: Decimal = Decimal(0)
    requests: int = 0

    def __add__(self, other: "Settled") -> "Settled":
        return Settled(
            self.amount + other.amount,
            self.uncovered + other.uncovered,
            self.requests + other.requests,
        )


def summed(owners: Iterable[UUID], period: Period) -> dict[UUID, Settled]:
    """Return it for each organization with usage, from the sums of days and of quarter-hours beside.

    Read in one statement, so that all are of one moment.
    """
    whose = {"organization__in": list(owners)}
    first, last = _whole_days(period)
    days = SpendDay.objects.filter(**whose, day__gte=first.date(), day__lt=last.date())
    before, after = (
        SpendBucket.objects.filter(**whose, starts_at__gte=start, starts_at__lt=end)
        for start, end in ((period.start, first), (last, period.end))
    )
    of_days, *beside = (_totals(it, Sum("requests")) for it in (days, before, after))
    return _by_owner(of_days.union(*beside, all=True))


def of_requests(owners: Iterable[UUID], period: Period) -> dict[UUID, Settled]:
    """Return the same from each of the requests."""
    occurred = {"occurred_at__gte": period.start, "occurred_at__lt": period.end}
    rated = RatedUsage.objects.filter(organization__in=list(owners), **occurred)
    return _by_owner(_totals(rated, Count("*")))


def _totals(sums: QuerySet[Any], requests: Sum | Count) -> QuerySet[Any]:
    totals = {"worth": Sum("amount"), "owed": Sum("uncovered"), "count": requests}
    found: QuerySet[Any] = sums.values("organization_id").annotate(**totals).order_by()
    return found.values_list("organization_id", *totals)


def _by_owner(totals: Iterable[Any]) -> dict[UUID, Settled]:
    found: dict[UUID, Settled] = {}
    for owner, *of_owner in totals:
        found[owner] = found.get(owner, Settled()) + Settled(*of_owner)
    return found


def _whole_days(period: Period) -> tuple[datetime, datetime]:
    """Return from which midnight in UTC until which the period consists of whole days."""
    first, last = _midnight(period.start + DAY - timedelta.resolution), _midnight(period.end)
    return (first, last) if first <= last else (period.end, period.end)


def _midnight(instant: datetime) -> datetime:
    return datetime.combine(instant.astimezone(UTC).date(), time(), UTC)
