"""Usage that came later than the contract lets it be invoiced: a person decides, nothing is lost."""

from datetime import datetime

from django.utils import timezone

from billing.models import LateMonth
from billing.periods import Period
from common.database import atomic
from tenants.models import Organization, User
from tenants.services import audit


@atomic()
def queue(organization: Organization, period: Period) -> LateMonth:
    """Put a month into the queue, once while nobody has decided."""
    month, is_new = LateMonth.objects.get_or_create(
        organization=organization, starts_at=period.start, defaults={"label": period.label}
    )
    if is_new:
        audit.record(
            organization=organization,
            actor=None,
            action="late_usage.queued",
            target=month,
            after={"month": period.label},
        )
    return month


def accepted(organization: Organization) -> set[datetime]:
    """Return the beginnings of months whose late usage is to be invoiced all the same."""
    months = LateMonth.objects.filter(organization=organization, is_accepted=True)
    return set(months.values_list("starts_at", flat=True))


@atomic()
def decide(month: LateMonth, *, accept: bool, by: User) -> LateMonth:
    """Invoice a month's late usage with the next invoice, or leave it; decided once."""
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
