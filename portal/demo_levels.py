"""What the demo promises of one model, and how the ministry's calls were answered until now."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random

from django.utils import timezone

from common.database import service
from marketplace.models import Offer, ServiceLevel
from metering.histograms import Histogram
from metering.models import ServiceBucket
from metering.services import standing
from tenants.models import Organization, User

PROMISED = "atlas-large"
#: By model: milliseconds until the first token, tokens a second, milliseconds between tokens; what
#: answers at once has nothing of the last two.
HABITS = {
    "atlas-mini": (180, 95, 14),
    "atlas-large": (420, 48, 26),
    "atlas-reason": (650, 40, 30),
    "atlas-embed": (45, 0, 0),
    "atlas-rerank": (60, 0, 0),
}
DAYS = 40
#: Offices are open so long, in UTC, and call so often in an hour.
HOURS, CALLS = range(7, 18), 9
#: Every so many hours one call fails.
FAILS_EVERY = 23
#: As far as values lie from the usual one, in proportion.
SPREAD = 0.35


def seed(ministry: Organization, *, staff: User, colleague: User) -> None:
    """Promise a level since the month began, and let calls have been answered; once."""
    now = timezone.now()
    _promise(now, staff, colleague)
    with service():
        if not ServiceBucket.objects.filter(organization=ministry).exists():
            offers = Offer.objects.filter(name__in=HABITS)
            ServiceBucket.objects.bulk_create(
                bucket for offer in offers for bucket in _answered(ministry, offer, now)
            )
    standing.sweep()


def _promise(now: datetime, staff: User, colleague: User) -> None:
    # A day before, so that the month has not begun anywhere.
    since = datetime(now.year, now.month, 1, tzinfo=UTC) - timedelta(days=1)
    with service():
        offer = Offer.objects.filter(name=PROMISED, service_levels=None).first()
        if offer is not None:
            ServiceLevel.objects.create(
                offer=offer,
                number=1,
                ttft_p95_ms=1_000,
                tokens_per_second=Decimal(40),
                availability=Decimal("99.9"),
                steps=[["0", "5"], ["25", "10"]],
                availability_steps=[["0", "5"], ["1", "10"]],
                cap=Decimal(25),
                effective_from=since,
                agreed_at=since,
                proposed_by=staff,
                approved_by=colleague,
            )


def _answered(ministry: Organization, offer: Offer, now: datetime) -> Iterator[ServiceBucket]:
    usual, draw = HABITS[offer.name], Random(offer.name)  # noqa: S311 - invented figures
    first = now.date() - timedelta(days=DAYS)
    for number in range(DAYS + 1):
        day = first + timedelta(days=number)
        for hour in HOURS if day.weekday() < 5 else ():
            starts_at = datetime.combine(day, time(hour), UTC)
            if starts_at + timedelta(hours=1) < now:
                ttft, speed, gaps = (_drawn(draw, it) for it in usual)
                yield ServiceBucket(
                    organization=ministry,
                    offer_name=offer.name,
                    region=offer.region_id,
                    starts_at=starts_at,
                    requests=CALLS,
                    failures=int((number * len(HOURS) + hour) % FAILS_EVERY == 0),
                    ttft=_kept(ttft),
                    speed=_kept(speed),
                    gaps=_kept([it * 1000 for it in gaps]),
                    changed_at=now,
                )


def _drawn(draw: Random, usual: int) -> list[float]:
    return [usual * draw.lognormvariate(0, SPREAD) for _call in range(CALLS if usual else 0)]


def _kept(values: list[float]) -> dict[str, int]:
    return {str(step): count for step, count in Histogram.of(values).counts.items()}
