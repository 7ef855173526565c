"""Sums the ledger up by day, each day once, when nothing is booked on it any more.

Hours of the running day are summed up in the same way, and make room for the day's sums.
"""

from datetime import UTC, date, datetime, time, timedelta

from django.db import connections
from django.db.models import Max, Min
from django.utils import timezone

from billing.models import ClosedLedgerDay, LedgerHour, LedgerTransaction
from common.database import SERVICE, service

ONE_DAY, ONE_HOUR = timedelta(days=1), timedelta(hours=1)
#: A transaction that began on the day, or in the hour, has long ended by then.
PATIENCE = ONE_HOUR
# Days and hours are summed up by one at a time: none is counted in both.
ALONE = "SELECT pg_advisory_xact_lock(8206, 0)"
SUMS = """
    coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0),
    coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0)
FROM billing_ledgertransaction t
JOIN billing_ledgerentry e ON e.transaction_id = t.id
JOIN billing_ledgeraccount a ON a.id = e.account_id
WHERE t.recorded_at >= %(start)s AND t.recorded_at < %(end)s
"""
OF_DAY = f"""
INSERT INTO billing_ledgerday (id, day_id, account, currency, debit, credit)
SELECT gen_random_uuid(), %(day)s, a.kind, a.currency, {SUMS}
GROUP BY a.kind, a.currency
"""
OF_HOURS = f"""
INSERT INTO billing_ledgerhour (id, starts_at, account, currency, debit, credit)
SELECT gen_random_uuid(), date_trunc('hour', t.recorded_at, 'UTC'), a.kind, a.currency, {SUMS}
GROUP BY 2, a.kind, a.currency
"""


def beginning(day: date) -> datetime:
    """Return the day's first instant."""
    return datetime.combine(day, time(), tzinfo=UTC)


def close_days() -> int:
    """Sum up the days that are over, and the hours since; answers how many days."""
    closed = 0
    while (day := _next()) is not None:
        closed += _close(day)
    _close_hours()
    return closed


def _next() -> date | None:
    """Return the first day that is over and not summed up."""
    with service():
        day = _first_open()
    if day is None:
        return None
    return day if timezone.now() >= beginning(day) + ONE_DAY + PATIENCE else None


def _first_open() -> date | None:
    """Return the first day that is not summed up; None before anything was booked."""
    last: date | None = ClosedLedgerDay.objects.aggregate(Max("day"))["day__max"]
    if last:
        return last + ONE_DAY
    first = LedgerTransaction.objects.aggregate(Min("recorded_at"))["recorded_at__min"]
    return None if first is None else first.astimezone(UTC).date()


def _close(day: date) -> bool:
    with service(), connections[SERVICE].cursor() as cursor:
        alone()
        # Of two who close it at once the second waited, and finds it closed.
        _row, is_new = ClosedLedgerDay.objects.get_or_create(day=day)
        if is_new:
            start, end = beginning(day), beginning(day + ONE_DAY)
            LedgerHour.objects.filter(starts_at__gte=start, starts_at__lt=end).delete()
            cursor.execute(OF_DAY, {"day": day, "start": start, "end": end})
    return is_new


def _close_hours() -> None:
    """Sum up the hours that are over since the last day, or the last hour, that is summed up."""
    now = timezone.now()
    end = (now - PATIENCE).replace(minute=0, second=0, microsecond=0)
    with service(), connections[SERVICE].cursor() as cursor:
        alone()
        day = _first_open()
        if day is None:
            return
        last = LedgerHour.objects.aggregate(Max("starts_at"))["starts_at__max"]
        start = beginning(day) if last is None else last + ONE_HOUR
        if start < end:
            cursor.execute(OF_HOURS, {"start": start, "end": end})


def alone() -> None:
    """Let nobody else sum up until this transaction ends; waits for whoever does now."""
    with connections[SERVICE].cursor() as cursor:
        cursor.execute(ALONE)
