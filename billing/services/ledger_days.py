"""Sums the ledger up by day, each day once, when nothing is booked on it any more."""

from datetime import UTC, date, datetime, time, timedelta

from django.db import connections
from django.db.models import Max, Min
from django.utils import timezone

from billing.models import ClosedLedgerDay, LedgerTransaction
from common.database import SERVICE, service

#: A transaction that began on the day has long ended by then.
PATIENCE = timedelta(hours=1)
SUM_UP = """
INSERT INTO billing_ledgerday (id, day_id, account, currency, debit, credit)
SELECT gen_random_uuid(), %(day)s, a.kind, a.currency,
    coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0),
    coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0)
FROM billing_ledgertransaction t
JOIN billing_ledgerentry e ON e.transaction_id = t.id
JOIN billing_ledgeraccount a ON a.id = e.account_id
WHERE t.recorded_at >= %(start)s AND t.recorded_at < %(end)s
GROUP BY a.kind, a.currency
"""


def beginning(day: date) -> datetime:
    """Return the day's first instant."""
    return datetime.combine(day, time(), tzinfo=UTC)


def close_days() -> int:
    """Sum up the days that are over; answers how many."""
    closed = 0
    while (day := _next()) is not None:
        closed += _close(day)
    return closed


def _next() -> date | None:
    """Return the first day that is over and not summed up."""
    with service():
        last: date | None = ClosedLedgerDay.objects.aggregate(Max("day"))["day__max"]
        first = LedgerTransaction.objects.aggregate(Min("recorded_at"))["recorded_at__min"]
    if first is None:
        return None
    day: date = last + timedelta(days=1) if last else first.astimezone(UTC).date()
    return day if timezone.now() >= beginning(day) + timedelta(days=1) + PATIENCE else None


def _close(day: date) -> bool:
    with service():
        # Of two who close it at once the second waits here, and finds it closed.
        _row, is_new = ClosedLedgerDay.objects.get_or_create(day=day)
        if is_new:
            following = beginning(day + timedelta(days=1))
            with connections[SERVICE].cursor() as cursor:
                cursor.execute(SUM_UP, {"day": day, "start": beginning(day), "end": following})
    return is_new
