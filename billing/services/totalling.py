"""Makes running totals of each day that is over, and makes them again from the first day that changed.

Exact whatever happens beside it. Whoever changes the sums of a day holds the day's lock, shared, to
the end of the transaction (a trigger sees to it), and leaves a `LateDay` where the day is totalled.
Totals are made under the same lock, alone: so a change is either in them or tells of itself.
"""

from datetime import date, timedelta

from django.db import connections
from django.db.models import Max, Min
from django.utils import timezone

from billing.models import LateDay, RunningTotal, SpendDay, TotalledDay
from billing.services.ledger_days import beginning
from common.database import SERVICE, service
from metering.models import TOKEN_PARTS, UsageDay

ONE_DAY = timedelta(days=1)
#: Until a day that is over is totalled: most of what comes late has come by then.
PATIENCE = timedelta(hours=1)
# Neither waits: who is not alone comes again at the next sweep.
ALONE = "SELECT pg_try_advisory_xact_lock(8204, 0)"
OF_DAY = "SELECT pg_try_advisory_xact_lock(8205, %(day)s::date - DATE '2000-01-01')"
TOKENS = " + ".join(f"{part}_tokens" for part in TOKEN_PARTS)
# Rows lie in the order in which pages read them.
ADD_UP = f"""
INSERT INTO billing_runningtotal (
    id, day_id, customer, offer_name, currency, requests, tokens, amount)
SELECT gen_random_uuid(), %(day)s, customer, offer_name, currency, sum(requests), sum(tokens),
    sum(amount)
FROM (
    SELECT customer, offer_name, currency, requests, tokens, amount FROM billing_runningtotal
    WHERE day_id = %(day)s::date - 1
    UNION ALL
    SELECT organization_id, offer_name, '', sum(requests), sum({TOKENS}), 0
    FROM metering_usageday WHERE day = %(day)s
    GROUP BY GROUPING SETS ((organization_id), (offer_name), ()) HAVING count(*) > 0
    UNION ALL
    SELECT organization_id, offer_name, currency, sum(requests), 0, sum(amount)
    FROM billing_spendday WHERE day = %(day)s
    GROUP BY GROUPING SETS ((organization_id, currency), (offer_name, currency), (currency))
) moved
GROUP BY customer, offer_name, currency
ORDER BY currency, customer, offer_name
"""  # noqa: S608 - the names are the house's own
FORGET_QUARTERS = """
DELETE FROM billing_quartertotal WHERE starts_at >= %(start)s AND starts_at < %(end)s
"""
# Buckets are found by organization: each is named.
QUARTERS = f"""
INSERT INTO billing_quartertotal (id, starts_at, currency, requests, tokens, amount)
SELECT gen_random_uuid(), starts_at, '', sum(requests), sum({TOKENS}), 0
FROM metering_usagebucket WHERE organization_id IN (SELECT id FROM tenants_organization)
    AND starts_at >= %(start)s AND starts_at < %(end)s
GROUP BY starts_at
UNION ALL
SELECT gen_random_uuid(), starts_at, currency, sum(requests), 0, sum(amount)
FROM billing_spendbucket WHERE organization_id IN (SELECT id FROM tenants_organization)
    AND starts_at >= %(start)s AND starts_at < %(end)s
GROUP BY starts_at, currency
"""  # noqa: S608 - the names are the house's own


def total_days() -> int:
    """Total every day that is over and every one that has changed; answers how many it totalled."""
    with service():
        if not _locked(ALONE):
            return 0
        _begin()
        _reopen()
    totalled = 0
    while _total_next():
        totalled += 1
    return totalled


def _begin() -> None:
    """Mark the first day there is: from here on, changes tell of themselves."""
    if TotalledDay.objects.exists():
        return
    days = [model.objects.aggregate(day=Min("day"))["day"] for model in (UsageDay, SpendDay)]
    first = min((day for day in days if day is not None), default=None)
    if first is not None and _is_over(first):
        TotalledDay.objects.create(day=first)
        LateDay.objects.create(day=first)


def _reopen() -> None:
    """Take back the totals of the first day that has changed and of all after it."""
    first = LateDay.objects.aggregate(day=Min("day"))["day"]
    if first is not None:
        RunningTotal.objects.filter(day__gte=first).delete()
        TotalledDay.objects.filter(day__gte=first).update(is_current=False)


def _total_next() -> bool:
    """Total the first day that is not; False when there is none, or somebody writes to it now."""
    with service():
        day = _next() if _locked(ALONE) else None
        if day is None or not _locked(OF_DAY, day):
            return False
        start = beginning(day)
        facts = {"day": day, "start": start, "end": start + ONE_DAY}
        late = LateDay.objects.filter(day=day)
        _row, is_new = TotalledDay.objects.update_or_create(day=day, defaults={"is_current": True})
        with connections[SERVICE].cursor() as cursor:
            if is_new or late.exists():
                cursor.execute(FORGET_QUARTERS, facts)
                cursor.execute(QUARTERS, facts)
            cursor.execute(ADD_UP, facts)
        late.delete()
    return True


def _next() -> date | None:
    """Return the first day that is over and has no totals, or none that stand."""
    last: date | None = TotalledDay.objects.aggregate(day=Max("day"))["day"]
    if last is None:
        return None
    stale: date | None = TotalledDay.objects.filter(is_current=False).aggregate(day=Min("day"))[
        "day"
    ]
    following = last + ONE_DAY
    return stale or (following if _is_over(following) else None)


def _is_over(day: date) -> bool:
    return timezone.now() >= beginning(day) + ONE_DAY + PATIENCE


def _locked(query: str, day: date | None = None) -> bool:
    with connections[SERVICE].cursor() as cursor:
        cursor.execute(query, {"day": day})
        return bool((cursor.fetchone() or (False,))[0])
