"""What GPUs cost: stated by staff from a day on, withdrawn and stated again, never changed."""

from datetime import date
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.errors import GpuCostStated
from billing.models import GpuCost
from common.database import atomic
from common.errors import DomainError
from marketplace.models import Offer
from tenants.models import User
from tenants.services import audit

#: Nobody holds more GPUs for one model, or pays more for one: slips of the finger.
MOST_GPUS, MOST_AN_HOUR = Decimal(100_000), Decimal(100_000)
EARLIEST = date(2020, 1, 1)


@atomic()
def state(
    offer: Offer,
    *,
    starts_on: date,
    currency: str,
    gpus: Decimal,
    per_hour: Decimal,
    by: User,
    note: str = "",
) -> GpuCost:
    """State what a model's GPUs cost from a day on; it holds until the next statement begins."""
    _check(starts_on, gpus, per_hour)
    try:
        with atomic():
            stated = GpuCost.objects.create(
                offer=offer,
                starts_on=starts_on,
                currency=currency,
                gpus=gpus,
                per_hour=per_hour,
                note=note,
                stated_by=by,
            )
    except IntegrityError as error:
        raise GpuCostStated(field_errors={"starts_on": [GpuCostStated.detail]}) from error
    return _written(stated, "gpu_cost.stated", by)


def _check(starts_on: date, gpus: Decimal, per_hour: Decimal) -> None:
    faults: dict[str, list[str]] = {}
    for name, value, most in (("gpus", gpus, MOST_GPUS), ("per_hour", per_hour, MOST_AN_HOUR)):
        if not value.is_finite() or not 0 <= value <= most:
            faults[name] = [_("Accepted is a number from 0 to %(most)s.") % {"most": most}]
    latest = date(timezone.now().year + 3, 12, 31)
    if not EARLIEST <= starts_on <= latest:
        span = {"first": EARLIEST, "last": latest}
        faults["starts_on"] = [_("Accepted is a day from %(first)s to %(last)s.") % span]
    if faults:
        raise DomainError(field_errors=faults)


@atomic()
def withdraw(stated: GpuCost, *, by: User) -> GpuCost:
    """Take a statement back: the one before holds on; asked twice, nothing changes."""
    stated = GpuCost.objects.locked(stated.pk)
    if stated.withdrawn_at is not None:
        return stated
    stated.withdrawn_at, stated.withdrawn_by = timezone.now(), by
    stated.save(update_fields=["withdrawn_at", "withdrawn_by", "updated_at"])
    return _written(stated, "gpu_cost.withdrawn", by)


def _written(stated: GpuCost, action: str, by: User) -> GpuCost:
    audit.record(
        organization=None,
        actor=by,
        action=action,
        target=stated,
        after={
            "model": stated.offer.name,
            "starts_on": stated.starts_on,
            "gpus": stated.gpus,
            "per_hour": stated.per_hour,
            "currency": stated.currency,
            "note": stated.note,
        },
    )
    return stated
