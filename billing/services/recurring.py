"""Grants credit every month, keeps as much of the month before as was agreed, and stops.

A month is granted a day ahead and can be used from its first instant, so that nobody waits for a
sweep at midnight.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import periods
from billing.models import CreditGrant, RecurringGrant, RecurringInstance
from billing.periods import Period
from billing.services import credits, four_eyes
from common import sweeping
from common.database import atomic, service
from common.errors import DomainError
from common.money import exact
from marketplace.models import TokenClass
from tenants.models import Organization, User
from tenants.services import audit

ZERO = Decimal(0)
AHEAD = timedelta(days=1)


@atomic()
def begin(
    organization: Organization,
    *,
    unit: str,
    quantity: Decimal,
    first_month: str,
    reason: str,
    operation: UUID,
    by: User,
    last_month: str = "",
    rollover: Decimal = ZERO,
    priority: int = 0,
    token_class: TokenClass | None = None,
) -> RecurringGrant:
    """Grant so much each month from the first to the last; the same ``operation`` begins one.

    The present month is granted at once, whole. A first month that is over is refused.
    """
    four_eyes.check_gift(by, organization_id=organization.pk)
    now = timezone.now()
    _check_months(organization, now, first_month, last_month)
    recurring, is_new = RecurringGrant.objects.get_or_create(
        operation_key=operation,
        defaults={
            "organization": organization,
            "unit": unit,
            "token_class": token_class,
            "quantity": exact(quantity),
            "currency": organization.currency,
            "priority": priority,
            "rollover": exact(rollover),
            "first_month": first_month,
            "last_month": last_month,
            "reason": reason,
            "created_by": by,
        },
    )
    if is_new:
        audit.record(
            organization=organization,
            actor=by,
            action="credit.recurring_begun",
            target=recurring,
            after={
                "unit": unit,
                "quantity": str(quantity),
                "rollover": str(rollover),
                "first_month": first_month,
                "last_month": last_month,
                "reason": reason,
            },
        )
        _grant_due(recurring, now)
    return recurring


def _check_months(
    organization: Organization, now: datetime, first_month: str, last_month: str
) -> None:
    present = periods.containing(now, organization.time_zone).label
    if first_month < present:
        words = _("This month is over. Choose the present one or a later one.")
        raise DomainError(words, field_errors={"first_month": [words]})
    if last_month and last_month < first_month:
        words = _("This is before the first month.")
        raise DomainError(words, field_errors={"last_month": [words]})


@atomic()
def end(recurring: RecurringGrant, *, by: User) -> RecurringGrant:
    """Grant no further month, and take back one that has not begun; ending twice changes nothing.

    What was granted for the present month stays.
    """
    recurring = RecurringGrant.objects.locked(recurring.pk)
    if recurring.ended_at is None:
        recurring.ended_at = timezone.now()
        recurring.save(update_fields=["ended_at", "updated_at"])
        audit.record(
            organization=recurring.organization,
            actor=by,
            action="credit.recurring_ended",
            target=recurring,
        )
        for given in CreditGrant.objects.filter(
            instance__recurring=recurring, effective_from__gt=recurring.ended_at
        ):
            credits.void(given, by=by)
    return recurring


def sweep() -> None:
    """Grant the months that begin, and take off what is left beyond the rollover."""
    now = timezone.now()
    with service():
        running = list(RecurringGrant.objects.running().order_by("pk"))
        over = list(_beyond_rollover(now).order_by("pk"))
    grants = (partial(_grant_swept, recurring, now) for recurring in running)
    trims = (partial(_trim, instance) for instance in over)
    sweeping.each(chain(grants, trims), trouble="monthly_credit_put_off")


def _grant_swept(recurring: RecurringGrant, now: datetime) -> None:
    with service():
        _grant_due(recurring, now)


def _trim(instance: RecurringInstance) -> None:
    with service():
        credits.trim(instance.grant, keep=instance.recurring.rollover)


def _beyond_rollover(now: datetime) -> QuerySet[RecurringInstance]:
    """Return the months that are over and have more left, free, than is kept of them."""
    found = RecurringInstance.objects.filter(ends_at__lte=now, grant__voided_at=None)
    return found.filter(
        grant__remaining__gt=Greatest(F("recurring__rollover"), F("grant__leased"))
    ).select_related("grant", "recurring")


def _grant_due(recurring: RecurringGrant, now: datetime) -> None:
    """Grant the present month and the one that begins soon, each once."""
    recurring = RecurringGrant.objects.locked(recurring.pk)
    if recurring.ended_at is not None:
        return
    zone = recurring.organization.time_zone
    for instant in (now, now + AHEAD):
        period = periods.containing(instant, zone)
        if recurring.is_due_in(period.label):
            _grant(recurring, period, zone)


def _grant(recurring: RecurringGrant, period: Period, zone: str) -> None:
    present = recurring.instances.filter(month=period.label)
    if present.exists():
        return
    after = periods.containing(period.end, zone)
    given = credits.grant(
        recurring.organization,
        unit=recurring.unit,
        quantity=recurring.quantity,
        source_key=f"recurring:{recurring.pk}:{period.label}",
        kind=CreditGrant.Kind.PROMOTIONAL,
        effective_from=period.start,
        expires_at=after.end if recurring.rollover else period.end,
        token_class=recurring.token_class,
        priority=recurring.priority,
        currency=recurring.currency,
        reason=recurring.reason,
    )
    RecurringInstance.objects.create(
        organization=recurring.organization,
        recurring=recurring,
        month=period.label,
        ends_at=period.end,
        grant=given,
    )
