"""Usage that came after its month was closed: found, invoiced with a later month, or queued.

What came later than the contract lets it be invoiced waits for a person; nothing is lost.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.utils import timezone

from billing import customers, groups, periods
from billing.drafts import Draft, DraftLine, corrections
from billing.models import LateMonth
from billing.periods import Period
from billing.services import four_eyes, holding, months
from billing.services.months import Month
from common.database import atomic, rows
from metering.queries import dropped_until
from tenants.models import Organization, User
from tenants.services import audit

#: Usage that was being recorded while an invoice was made is looked for again this long after.
OVERLAP = timedelta(days=1)
# In which months of theirs customers used something that was recorded since an instant of each.
REPORTED = """
SELECT asked.organization_id, found.month
FROM unnest(
    %(organizations)s::uuid[], %(since)s::timestamptz[], %(until)s::timestamptz[], %(zones)s::text[]
) AS asked(organization_id, since, until, zone)
CROSS JOIN LATERAL (
    SELECT DISTINCT date_trunc('month', event.occurred_at, asked.zone) AS month
    FROM metering_usageevent event
    WHERE event.organization_id = asked.organization_id AND event.occurred_at < asked.until
        AND event.recorded_at > coalesce(asked.since, '-infinity')
) AS found
"""
# Months that a person has decided about, and of which more was recorded since.
MORE = """
SELECT late.organization_id, late.starts_at
FROM billing_latemonth late JOIN tenants_organization owner ON owner.id = late.organization_id
WHERE late.organization_id = ANY(%(organizations)s) AND late.decided_at IS NOT NULL AND EXISTS (
    SELECT FROM metering_usageevent event
    WHERE event.organization_id = late.organization_id
        AND event.occurred_at >= late.starts_at
        AND event.occurred_at < late.starts_at + interval '32 days'
        AND date_trunc('month', event.occurred_at, owner.time_zone) = late.starts_at
        AND event.recorded_at > late.decided_at
)
"""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Late:
    """What an earlier month comes to now, and the lines that no invoice has told of yet."""

    period: Period
    whole: Draft
    lines: tuple[DraftLine, ...]


def of_each(asked: Sequence[Month]) -> list[list[Late]]:
    """Return for each month what earlier ones come to now beyond what was invoiced of them.

    Their usage was reported after the month was closed, or the month was never closed. Each line
    names its month and is rated at the prices that applied then.
    """
    earlier = list(_earlier(asked))
    found: list[list[Late]] = [[] for _month in asked]
    lates = _beyond([month for _place, month in earlier])
    for (place, _month), late in zip(earlier, lates, strict=True):
        found[place].append(late)
    return found


def of_month(month: LateMonth) -> Late:
    """Return what a month in the queue comes to now beyond what was invoiced of it."""
    organization = month.organization
    customer = customers.of(organization)
    period = periods.containing(month.starts_at, organization.time_zone)
    [late] = _beyond([Month(customer, period, customer.division())])
    return late


def _beyond(asked: Sequence[Month]) -> Iterator[Late]:
    """Yield what each month comes to now, and what of it no invoice has told of."""
    told = groups.told([(month.organization, month.period) for month in asked])
    for month, whole in zip(asked, months.rerated(asked), strict=True):
        period = month.period
        lines = corrections(
            whole,
            told.get((month.organization.pk, period.start), ()),
            corrects=period.start,
            label=period.label,
            coverage_label=months.coverage_label(),
        )
        yield Late(period, whole, lines)


def _earlier(asked: Sequence[Month]) -> Iterator[tuple[int, Month]]:
    """Return the earlier months whose usage is to be invoiced with those that are asked for."""
    owners = [month.organization.pk for month in asked]
    reported, accepted = _reported(asked), _accepted(owners)
    kept_back, gone = holding.kept_back(owners), dropped_until()
    elsewhere, undecided = _waiting_elsewhere(owners), _with_more(owners)
    for place, month in enumerate(asked):
        owner, zone = month.organization.pk, month.organization.time_zone
        agreed = {it for it in accepted.get(owner, ()) if (owner, it) not in undecided}
        starts = {*reported.get(owner, ()), *accepted.get(owner, ())} - kept_back.get(owner, set())
        for start in sorted(starts):
            period = periods.containing(start, zone)
            if (owner, period.label) in elsewhere:
                continue
            if gone and period.start < gone:
                # What else was used in that month is no longer there to be rated with it.
                slug = month.organization.slug
                log.error("usage_too_late", organization=slug, month=period.label)
            elif period.start not in agreed and _is_too_late(month, period):
                queue(month.organization, period)
            else:
                yield place, replace(month, period=period)


def _reported(asked: Sequence[Month]) -> dict[UUID, set[datetime]]:
    """Return the beginnings of earlier months of which something was recorded lately."""
    owners = [month.organization.pk for month in asked]
    last = groups.invoiced(owners)
    facts = {
        "organizations": owners,
        "since": [last[pk] - OVERLAP if pk in last else None for pk in owners],
        "until": [month.period.start for month in asked],
        "zones": [month.organization.time_zone for month in asked],
    }
    found: dict[UUID, set[datetime]] = {}
    for row in rows(REPORTED, facts):
        found.setdefault(row["organization_id"], set()).add(row["month"])
    return found


def _accepted(owners: Iterable[UUID]) -> dict[UUID, set[datetime]]:
    """Return the beginnings of months whose late usage is to be invoiced all the same."""
    months = LateMonth.objects.filter(organization__in=owners, is_accepted=True)
    found: dict[UUID, set[datetime]] = {}
    for owner, start in months.values_list("organization_id", "starts_at"):
        found.setdefault(owner, set()).add(start)
    return found


def _with_more(owners: Sequence[UUID]) -> set[tuple[UUID, datetime]]:
    """Return the months, and whose, of which more came after a person had decided about them."""
    found = rows(MORE, {"organizations": list(owners)})
    return {(row["organization_id"], row["starts_at"]) for row in found}


def _waiting_elsewhere(owners: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """Return the months that belong on an invoice of who pays that is or was held, and of whom."""
    agreed = list(groups.agreed().filter(organization__in=owners))
    kept_back = holding.kept_back({it.payer_id for it in agreed})
    return {
        (it.organization_id, label)
        for it in agreed
        for start in kept_back.get(it.payer_id, ())
        if it.is_during(label := periods.containing(start, it.payer.time_zone).label)
    }


def _is_too_late(month: Month, earlier: Period) -> bool:
    """Whether usage of the month comes later than the contract of that month lets it be invoiced."""
    contract = month.customer.contract_of(earlier)
    if contract is None:
        return False
    return timezone.now() > earlier.end + timedelta(days=contract.late_days)


@atomic()
def queue(organization: Organization, period: Period) -> LateMonth:
    """Put a month into the queue, once while nobody has decided.

    What was decided holds for what was known then: a month of which more came waits again.
    """
    month, is_new = LateMonth.objects.get_or_create(
        organization=organization, starts_at=period.start, defaults={"label": period.label}
    )
    if not is_new:
        month = LateMonth.objects.locked(month.pk)
        if (organization.pk, period.start) not in _with_more([organization.pk]):
            return month
        month.is_accepted, month.decided_at, month.decided_by = False, None, None
        month.save()
    audit.record(
        organization=organization,
        actor=None,
        action="late_usage.queued",
        target=month,
        after={"month": period.label},
    )
    return month


@atomic()
def decide(month: LateMonth, *, accept: bool, by: User) -> LateMonth:
    """Invoice a month's late usage with the next invoice, or leave it; decided once."""
    four_eyes.check_decision(by, organization_id=month.organization_id)
    month = LateMonth.objects.locked(month.pk)
    if month.decided_at is not None:
        return month
    month.is_accepted, month.decided_at, month.decided_by = accept, timezone.now(), by
    month.save()
    audit.record(
        organization=month.organization,
        actor=by,
        action="late_usage.decided",
        target=month,
        after={"month": month.label, "accepted": accept},
    )
    return month
