"""What other meters report is priced, paid for and recorded here, each event once.

A report comes after the fact: nothing was reserved for it. What free credit there is pays, in burn
order and in the transaction that records the usage; the rest is owed. What the gateway holds for
requests in flight is left to them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone
from psycopg import AsyncConnection
from psycopg.errors import SerializationFailure

from billing import funds
from billing.counted import GPU_HOURS, REQUESTS
from billing.free_credit import FreeCredit
from billing.funds import Settled
from billing.rating.conditions import Circumstances
from billing.rating.definition import parse_for
from billing.rating.tokens import Unpriced, rate, weigh
from common.database import service, service_parameters
from marketplace import books, pricelist
from marketplace.models import Offer, ServiceTier
from marketplace.models.catalogue import UNSEEN
from marketplace.queries import seen_by
from metering import reports
from metering.models import GPU_SECONDS, PROMPT_PARTS, UsageBucket
from metering.reports import Fault, Report
from tenants import meter_keys
from tenants.meter_keys import Subject
from tenants.models import ApiKey, Region

log = structlog.get_logger(__name__)

#: As whose usage of leases it is written: meters hold none.
PROCESS = "meters"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event: accepted, duplicate, conflict or invalid."""

    index: int
    id: str | None
    source: str | None
    status: str
    errors: Sequence[Fault] = ()


@dataclass(slots=True)
class _Known:
    """What the events of a batch may name, looked up at once."""

    #: Whose ids they are: the operator's meters' or customers'.
    namespace: str
    subjects: dict[str | None, Subject]
    offers: dict[str, Offer]
    regions: frozenset[str]
    prices: pricelist.PriceList
    #: By organization and quarter of an hour, the books that come before the one for everybody.
    books: dict[tuple[UUID, datetime], list[UUID]]


def take_in(events: Sequence[Any], *, key: ApiKey) -> list[Outcome]:
    """Record the events that are right and new, and tell of each what became of it."""
    now = timezone.now()
    read = [reports.read(event, now=now) for event in events]
    known = _look_up([each for each in read if isinstance(each, Report)], key)
    priced = [_settled(each, known) if isinstance(each, Report) else each for each in read]
    good = [place for place, each in enumerate(priced) if isinstance(each, Settled)]
    batch = [each for each in priced if isinstance(each, Settled)]
    statuses = dict(zip(good, _record(batch, known), strict=True))
    return [
        _outcome(index, events[index], statuses.get(index, "invalid"), each)
        for index, each in enumerate(priced)
    ]


def _outcome(index: int, event: Any, status: str, found: Settled | list[Fault]) -> Outcome:
    facts = event if isinstance(event, dict) else {}
    event_id, source = (reports.echoed(facts.get(name)) for name in ("id", "source"))
    return Outcome(index, event_id, source, status, found if isinstance(found, list) else ())


def _look_up(read: Sequence[Report], key: ApiKey) -> _Known:
    with service():
        by_name = _offers({report.model for report in read}, key)
        times = [report.occurred_at for report in read] or [timezone.now()]
        is_operators = meter_keys.may_name_others(key)
        subjects = meter_keys.subjects({report.subject for report in read}, key=key)
        held = _books(read, subjects)
        special = {book for chain in held.values() for book in chain}
        return _Known(
            namespace=reports.OPERATORS if is_operators else reports.CUSTOMERS,
            subjects=subjects,
            offers=by_name,
            regions=frozenset(Region.objects.values_list("code", flat=True)),
            prices=pricelist.between(by_name.values(), min(times), max(times), special),
            books=held,
        )


def _offers(names: set[str], key: ApiKey) -> dict[str, Offer]:
    """Return what these names mean; to a customer's meter, what is hidden from it is unknown."""
    found = Offer.objects.exclude(status__in=UNSEEN).filter(name__in=names)
    offers = found.select_related("region", "token_class").prefetch_related("token_class__weights")
    by_name = {offer.name: offer for offer in offers}
    if meter_keys.may_name_others(key):
        return by_name
    seen = found.filter(seen_by(key.organization, "model_version__model__"))
    hidden = by_name.keys() - set(seen.values_list("name", flat=True))
    if hidden:
        # What came of a model while it was shown may be told of after it is not.
        used = UsageBucket.objects.filter(organization=key.organization_id, offer_name__in=hidden)
        hidden -= set(used.values_list("offer_name", flat=True).distinct())
    return {name: offer for name, offer in by_name.items() if name not in hidden}


def _books(
    read: Sequence[Report], subjects: Mapping[str | None, Subject]
) -> dict[tuple[UUID, datetime], list[UUID]]:
    """Return whose prices held when each of these occurred; terms change with the quarter-hour."""
    held: dict[tuple[UUID, datetime], list[UUID]] = {}
    for report in read:
        subject = subjects.get(report.subject)
        if subject is not None:
            place = subject.organization.pk, _quarter(report.occurred_at)
            if place not in held:
                held[place] = books.special(subject.organization, report.occurred_at)
    return held


def _quarter(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def _settled(report: Report, known: _Known) -> Settled | list[Fault]:
    """Return the report with its worth, or what of it does not exist."""
    faults: list[Fault] = []
    subject = known.subjects.get(report.subject)
    offer = known.offers.get(report.model)
    if subject is None:
        faults.append(_unknown("subject", report.subject, meter_keys.ACCEPTED))
    if offer is None:
        faults.append(_unknown("data.model", report.model, "a model that is or was on sale"))
    if report.region is not None and report.region not in known.regions:
        faults.append(_unknown("data.region", report.region, "the code of one of our regions"))
    if subject is None or offer is None:
        return faults
    project_id = subject.project(report.project)
    if project_id is None:
        faults.append(_unknown("data.project", report.project, "a project of the organization"))
        return faults
    return faults or _rated(report, subject, project_id, offer, known)


def _unknown(name: str, found: str | None, accepted: str) -> Fault:
    return Fault(name, reports.shown(found), accepted)


def _rated(
    report: Report, subject: Subject, project_id: UUID, offer: Offer, known: _Known
) -> Settled | list[Fault]:
    currency = subject.organization.currency
    special = known.books.get((subject.organization.pk, _quarter(report.occurred_at)), [])
    tier = report.service_tier
    prices = known.prices.at(offer, report.occurred_at, currency, special, tier)
    of = Circumstances(report.occurred_at, sum(report.parts.get(it, 0) for it in PROMPT_PARTS))
    try:
        amounts = rate(
            {**report.parts, GPU_HOURS: report.gpu_seconds},
            {part: price.per_token for part, price in prices.items()},
        )
    except Unpriced as unpriced:
        part = unpriced.args[0]
        # For people to hear of: until there is a price, this usage earns nothing.
        log.error("reported_usage_unpriced", offer=offer.name, token_part=part)  # noqa: TRY400
        place = f"data.{GPU_SECONDS}" if part == GPU_HOURS else f"data.tokens.{part}"
        return [Fault(place, "no price", f"a part priced then in {currency}")]
    amounts, counts = weigh(
        amounts, {it: parse_for(it, prices[it].definition) for it in amounts}, of
    )
    if amounts and REQUESTS in prices:
        # As the gateway charges it: once, whatever the request used.
        amounts[REQUESTS] = prices[REQUESTS].per_token
    return Settled(
        organization_id=subject.organization.pk,
        project_id=project_id,
        api_key_id=subject.api_key_id,
        event_id=report.event_id,
        source=known.namespace + report.source,
        occurred_at=report.occurred_at.astimezone(UTC),
        offer_id=offer.pk,
        offer_name=offer.name,
        region=report.region or offer.region.code,
        parts=report.parts,
        price_ids={part: prices[part].pk for part in amounts},
        amounts=amounts,
        multipliers=counts,
        currency=currency,
        ttft_ms=report.ttft_ms,
        latency_ms=report.latency_ms,
        streamed=report.streamed,
        outcome=report.outcome,
        policy=_policy(report, offer),
        gpu_seconds=report.gpu_seconds,
    )


def _policy(report: Report, offer: Offer) -> dict[str, Any]:
    facts = {"jurisdiction": offer.region.jurisdiction, "estimated": False, "reported": True}
    if report.service_tier != ServiceTier.STANDARD:
        # Left out of others: what was taken in before there were tiers keeps its hash.
        facts["service_tier"] = report.service_tier
    return facts


def _record(batch: Sequence[Settled], known: _Known) -> list[str]:
    """Record the batch and return the status of each event."""
    if not batch:
        return []
    try:
        recorded = asyncio.run(_written(batch, FreeCredit(known.offers)))
    except SerializationFailure:
        # The hour in which it began was closed meanwhile; by now it is another.
        recorded = asyncio.run(_written(batch, FreeCredit(known.offers)))
    statuses = ["duplicate"] * len(batch)
    for status, places in (("accepted", recorded.new), ("conflict", recorded.wrong)):
        for place in places:
            statuses[place] = status
    return statuses


async def _written(batch: Sequence[Settled], credit: FreeCredit) -> funds.Recorded:
    parameters = service_parameters()
    connection: AsyncConnection[Any]
    async with await AsyncConnection.connect(**parameters, autocommit=True) as connection:
        return await funds.record(connection, process_id=PROCESS, batch=batch, fund=credit.pay)
