"""Rehearsals: asked for once, done customer by customer, gone on with wherever they broke off."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from billing import periods, replay
from billing.errors import RehearsalInvalid
from billing.models import Rehearsal, RehearsedUsage
from billing.replay import Place, Replayed
from common import jobs
from common.database import atomic, service
from marketplace import rehearsing as stages
from marketplace.models import PriceBookVersion
from marketplace.rehearsing import Stage
from tenants.models import Organization, User
from tenants.services import audit

#: Customers in one transaction: a worker that dies loses no more than these.
STEP = 20
MOST_MONTHS = 12
#: A rehearsal that nobody went on with for so long is rung for again.
FORGOTTEN = timedelta(minutes=1)
ZERO = Decimal(0)


@atomic()
def ask(
    version: PriceBookVersion, *, first_month: str, last_month: str, by: User | None
) -> Rehearsal:
    """Have months of usage replayed under a version as it stands now, by a worker."""
    version = PriceBookVersion.objects.locked(version.pk)
    _check(first_month, last_month)
    rehearsal = Rehearsal.objects.create(
        version=version,
        first_month=first_month,
        last_month=last_month,
        prices=stages.prices(version),
        customers=stages.customers(version.book).count(),
        requested_by=by,
    )
    audit.record(
        organization=None,
        actor=by,
        action="price_version.rehearsed",
        target=version,
        after={
            "book": version.book.code,
            "number": version.number,
            "first_month": first_month,
            "last_month": last_month,
        },
    )
    jobs.enqueue("billing.rehearse", rehearsal_id=str(rehearsal.pk))
    return rehearsal


def _check(first_month: str, last_month: str) -> None:
    faults: dict[str, list[str]] = {}
    for name, label in (("first_month", first_month), ("last_month", last_month)):
        try:
            begins = periods.parse(label, "UTC").start
        except ValueError:
            faults[name] = [_("A month is written as 2026-03.")]
        else:
            if begins > timezone.now():
                faults[name] = [_("This month has not begun.")]
    if not faults and not first_month <= last_month:
        faults["last_month"] = [_("The last month is the first one or later.")]
    if not faults and len(_labels(first_month, last_month)) > MOST_MONTHS:
        faults["last_month"] = [_("At most twelve months are rehearsed at once.")]
    if faults:
        raise RehearsalInvalid(field_errors=faults)


def _labels(first: str, last: str) -> list[str]:
    year, month = map(int, first.split("-"))
    found = [first]
    while found[-1] < last and len(found) <= MOST_MONTHS:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        found.append(f"{year:04}-{month:02}")
    return found


def advance(rehearsal_id: UUID) -> bool:
    """Replay the next customers; answers whether there are more. Two workers take turns."""
    with service():
        rehearsal = Rehearsal.objects.unfinished().filter(pk=rehearsal_id).first()
        if rehearsal is None:
            return False
        rehearsal = Rehearsal.objects.locked(rehearsal_id)
        if rehearsal.is_finished:
            return False
        book, now = rehearsal.version.book, timezone.now()
        waiting = stages.customers(book)
        if rehearsal.reached is not None:
            waiting = waiting.filter(pk__gt=rehearsal.reached)
        batch = list(waiting[:STEP])
        stage = stages.stage(book, rehearsal.prices, now)
        for organization in batch:
            _replay(rehearsal, organization, stage)
            rehearsal.reached = organization.pk
        rehearsal.done += len(batch)
        if len(batch) < STEP:
            rehearsal.finished_at, rehearsal.customers = timezone.now(), rehearsal.done
        rehearsal.save()
        return not rehearsal.is_finished


def _replay(rehearsal: Rehearsal, organization: Organization, stage: Stage) -> None:
    setting = stage.is_set(organization, timezone.now())
    sums: dict[tuple[Place, str], list[Replayed]] = defaultdict(list)
    for label in _labels(rehearsal.first_month, rehearsal.last_month):
        period = periods.parse(label, organization.time_zone)
        for it in replay.month(organization, period, setting):
            sums[it.place, it.reason].append(it)
    RehearsedUsage.objects.bulk_create(
        RehearsedUsage(
            rehearsal=rehearsal,
            organization=organization,
            offer_name=place.offer,
            token_part=place.part,
            service_tier=place.tier,
            tokens=sum(it.tokens for it in found),
            before=sum((it.before for it in found), ZERO),
            after=None if reason else sum((it.after or ZERO for it in found), ZERO),
            reason=reason,
        )
        for (place, reason), found in sums.items()
    )


def ring_again() -> int:
    """Ring for rehearsals that a worker left behind; answers how many."""
    with service():
        forgotten = Rehearsal.objects.unfinished().filter(updated_at__lt=timezone.now() - FORGOTTEN)
        ids = list(forgotten.values_list("pk", flat=True))
        for pk in ids:
            jobs.enqueue("billing.rehearse", rehearsal_id=str(pk))
    return len(ids)
