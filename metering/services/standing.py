"""What was measured of each offer in the last thirty days, written beside it for pages to read."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max
from django.utils import timezone

from common.database import rows, service
from marketplace.models import Measurement, Offer
from metering import answered
from metering.answered import MEASURES, Answered
from metering.models import UsageDay
from metering.services import measuring
from metering.services.measuring import OVERLAP

DAYS = 30
SPREAD = f"""
SELECT offer_name, region, measure, place::int AS place, sum(many::bigint)::bigint AS number
FROM metering_offerhour
CROSS JOIN LATERAL (VALUES {", ".join(f"('{it}', {it})" for it in MEASURES)}) AS m(measure, its)
CROSS JOIN LATERAL jsonb_each_text(its) AS step(place, many)
WHERE starts_at >= %(since)s AND offer_name = ANY(%(names)s)
GROUP BY offer_name, region, measure, place
"""  # noqa: S608 - the names are this module's own
COUNTED = """
SELECT offer_name, region, min(starts_at) AS since, sum(requests)::bigint AS requests,
    sum(failures)::bigint AS failures, sum(unanswered)::bigint AS unanswered
FROM metering_offerhour WHERE starts_at >= %(since)s AND offer_name = ANY(%(names)s)
GROUP BY offer_name, region HAVING sum(requests) + sum(unanswered) > 0
"""


def sweep() -> int:
    """Sum up what changed, and tell of the offers it was of; returns how many these were."""
    with service():
        last: datetime | None = Measurement.objects.aggregate(Max("until"))["until__max"]
    now = timezone.now()
    measuring.sum_up(since=last - OVERLAP if last else None)
    names = _changed(last - OVERLAP if last else now - measuring.KNOWN_FOR)
    return refresh(names, now)


def _changed(since: datetime) -> list[str]:
    """Return the offers that were called since, and those whose figures are a day old: time goes on."""
    with service():
        facts = {"since": since, "old": timezone.now() - timedelta(days=1)}
        return [row["name"] for row in rows(CHANGED, facts)]


CHANGED = """
SELECT offer_name AS name FROM metering_servicebucket WHERE changed_at >= %(since)s
UNION SELECT offer_name FROM metering_failedcalls WHERE changed_at >= %(since)s
UNION SELECT name FROM marketplace_measurement told JOIN marketplace_offer ON offer_id = marketplace_offer.id
WHERE until < %(old)s
"""


def refresh(names: Iterable[str], now: datetime) -> int:
    """Write what was measured of these offers in the thirty days before; returns of how many."""
    since = now - timedelta(days=DAYS)
    named = sorted(set(names))
    facts = {"since": since, "names": named}
    with service():
        offers = {
            (it.name, it.region_id): it
            for it in Offer.objects.filter(name__in=named).select_related("region")
        }
        counted = rows(COUNTED, facts)
        since_of = {_place(row): row["since"] for row in counted}
        found = answered.told(counted, rows(SPREAD, facts), _place)
        customers = _customers(named, since)
        told = [
            _measurement(offer, since_of[key], found[key], customers.get(offer.name, 0), now)
            for key, offer in offers.items()
            if key in found
        ]
        Measurement.objects.exclude(offer__in=[it.offer_id for it in told]).filter(
            offer__in=offers.values()
        ).delete()
        Measurement.objects.bulk_create(
            told, update_conflicts=True, unique_fields=["offer"], update_fields=TOLD
        )
    return len(told)


def answered_since(since: datetime, names: Collection[str]) -> dict[tuple[str, str], Answered]:
    """Return how all customers' calls of these offers were answered, by offer and region. As the service."""
    facts = {"since": since, "names": sorted(names)}
    return answered.told(rows(COUNTED, facts), rows(SPREAD, facts), _place)


TOLD = (
    "since", "until", "calls", "customers", "ttft_p50_ms", "ttft_p95_ms", "tokens_per_second",
    "inter_token_p95_ms", "availability", "updated_at",
)  # fmt: skip


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["offer_name"], row["region"]


def _measurement(
    offer: Offer, since: datetime, its: Answered, customers: int, now: datetime
) -> Measurement:
    return Measurement(
        offer=offer,
        since=since,
        until=now,
        calls=its.calls,
        customers=customers,
        ttft_p50_ms=its.ttft_p50_ms,
        ttft_p95_ms=its.ttft_p95_ms,
        tokens_per_second=its.tokens_per_second,
        inter_token_p95_ms=its.inter_token_p95_ms,
        availability=its.availability or 0,
    )


def _customers(names: Collection[str], since: datetime) -> dict[str, int]:
    days = UsageDay.objects.filter(day__gte=since.date(), offer_name__in=names)
    counted = days.values_list("offer_name").annotate(Count("organization", distinct=True))
    return dict(counted.order_by())
