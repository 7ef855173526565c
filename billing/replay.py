"""One customer's month, as it was booked and as other prices would have made it.

Both are rated as an invoice is: the whole month at once, to the last digit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

from django.db.models import Sum

from billing import periodic
from billing.counted import REQUESTS
from billing.drafts import CHARGES, UsedTokens, usage_draft
from billing.models import PricedBucket
from billing.models.rehearsals import RehearsedUsage
from billing.periods import Period
from billing.rating.conditions import Circumstances, multiplier
from billing.rating.definition import parse_for
from marketplace.models import Price, ServiceTier
from marketplace.models.prices import dearest_per_token
from marketplace.queries import CONDITIONS
from marketplace.rehearsing import Setting
from metering.models import UsageEvent
from metering.queries import dropped_until
from tenants.models import Organization

ZERO, ONE = Decimal(0), Decimal(1)
Reason = RehearsedUsage.Reason


class Place(NamedTuple):
    """What was used: a part of an offer, at a tier."""

    offer: str
    part: str
    tier: str


#: What was used of a place, with its price, as an invoice takes it.
Priced = tuple[Place, UsedTokens]


@dataclass(frozen=True, slots=True)
class Used:
    """So many tokens of a place that one price applied to, each counted as its request said."""

    place: Place
    tokens: int
    price: Price | None
    multiplier: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a place comes to as booked, and as it would; why not, where it cannot be rated."""

    place: Place
    tokens: int
    before: Decimal
    after: Decimal | None
    reason: str = ""


def month(organization: Organization, period: Period, setting: Setting) -> list[Replayed]:
    """Return the month by what was used; usage that another book prices stays as it was booked."""
    rows = _booked(organization, period)
    booked: dict[Place, list[Used]] = {}
    for it in rows:
        if it.price is not None:
            booked.setdefault(it.place, []).append(it)
    other = _Restaging(organization, period, setting)
    for place, used in booked.items():
        other.put(place, used)
    for offer in {place.offer for place in booked}:
        other.put_requests(offer)
    before = _worth([_as_booked(it) for used in booked.values() for it in used], other.currency)
    after = _worth(other.found, other.currency)
    tokens = Counter(dict(other.requests))
    tokens |= Counter({place: sum(it.tokens for it in used) for place, used in booked.items()})
    rated = [
        Replayed(
            place,
            tokens[place],
            before.get(place, ZERO),
            None if place in other.reasons else after.get(place, ZERO),
            other.reasons.get(place, ""),
        )
        for place in sorted({*booked, *tokens, *other.reasons})
    ]
    return rated + _unpriced(rows)


def _unpriced(rows: Iterable[Used]) -> list[Replayed]:
    """Return what came without a price: nobody can say what it was worth."""
    tokens: Counter[Place] = Counter()
    for it in rows:
        if it.price is None:
            tokens[it.place] += it.tokens
    return [Replayed(place, count, ZERO, None, Reason.UNPRICED) for place, count in tokens.items()]


def _booked(organization: Organization, period: Period) -> list[Used]:
    """Return what was used, summed up by price and by what a token counted."""
    found = list(
        PricedBucket.objects.filter(
            organization=organization, starts_at__gte=period.start, starts_at__lt=period.end
        )
        .values("offer_name", "token_part", "price_id", "multiplier")
        .annotate(sum=Sum("tokens"))
        .order_by()
    )
    prices = Price.objects.in_bulk([row["price_id"] for row in found if row["price_id"]])
    return [_used(row, prices.get(row["price_id"])) for row in found]


def _used(row: Mapping[str, Any], price: Price | None) -> Used:
    tier = price.service_tier if price else ServiceTier.STANDARD.value
    place = Place(row["offer_name"], row["token_part"], tier)
    return Used(place, row["sum"], price, row["multiplier"])


def _as_booked(it: Used) -> Priced:
    assert it.price is not None  # noqa: S101 - those without one are left out
    key = (it.place.offer, it.place.part, str(it.price.pk), it.multiplier)
    return it.place, periodic.used(it.price, key, it.tokens)


def _worth(items: Sequence[Priced], currency: str) -> dict[Place, Decimal]:
    """Return what each place comes to; the price of a line says which place it is of."""
    places = {(it.offer_name, it.part, it.price_id): place for place, it in items}
    rated = usage_draft(
        [it for _place, it in items],
        uncovered=ZERO,
        currency=currency,
        tax_rate=ZERO,
        coverage_label="",
    )
    found: dict[Place, Decimal] = {}
    for line in rated.lines:
        if line.kind in CHARGES:
            place = places[line.offer_name, line.part, line.price_id]
            found[place] = found.get(place, ZERO) + line.exact_amount
    return found


class _Restaging:
    """Puts the usage of a month under other prices, place by place."""

    def __init__(self, organization: Organization, period: Period, setting: Setting) -> None:
        self.setting = setting
        self.currency = organization.currency
        self.events = UsageEvent.objects.filter(
            organization=organization,
            occurred_at__gte=period.start,
            occurred_at__lt=period.end,
        )
        gone = dropped_until()
        self.is_gone = bool(gone and period.start < gone)
        self.found: list[Priced] = []
        self.requests: dict[Place, int] = {}
        self.reasons: dict[Place, str] = {}

    def put(self, place: Place, used: Sequence[Used]) -> None:
        """Rate what was used of a place at the price that it would have had."""
        if not self.setting.holds(place.offer):
            self.found += [_as_booked(it) for it in used]
        elif place.part != REQUESTS:
            definition = self.setting.price(*place)
            if definition is None:
                self.reasons[place] = Reason.NO_PRICE
            else:
                self._weigh(place, used, definition)

    def put_requests(self, offer: str) -> None:
        """Count the requests of an offer where the book would charge for them."""
        for tier in ServiceTier.values:
            place = Place(offer, REQUESTS, tier)
            definition = self.setting.price(*place) if self.setting.holds(offer) else None
            if definition is not None and self.is_gone:
                self.reasons[place] = Reason.GONE
            elif definition is not None:
                count = periodic.request_count(self.events, offer, tier)
                self.requests[place] = count
                self._add(place, definition, {ONE: count})

    def _weigh(self, place: Place, used: Sequence[Used], definition: Mapping[str, Any]) -> None:
        """Count tokens as they did where the price asks for the same; otherwise ask each request."""
        counts: Counter[Decimal] = Counter()
        if all(it.price and _asks(it.price.definition) == _asks(definition) for it in used):
            for it in used:
                counts[it.multiplier] += it.tokens
        elif not _asks(definition):
            counts[ONE] = sum(it.tokens for it in used)
        elif self.is_gone:
            self.reasons[place] = Reason.GONE
            return
        else:
            parsed = parse_for(place.part, definition)
            is_batch = place.tier == ServiceTier.BATCH
            for at, prompt, tokens in periodic.requests(self.events, *place):
                counts[multiplier(parsed, Circumstances(at, prompt, is_batch))] += tokens
        self._add(place, definition, counts)

    def _add(
        self, place: Place, definition: Mapping[str, Any], counts: Mapping[Decimal, int]
    ) -> None:
        parsed, price_id = parse_for(place.part, definition), uuid4()
        unit = dearest_per_token(dict(definition))
        self.found += [
            (
                place,
                UsedTokens(
                    place.offer,
                    place.part,
                    tokens,
                    unit,
                    price_id,
                    place.tier == ServiceTier.BATCH,
                    None if parsed.is_plain else parsed,
                    counted,
                ),
            )
            for counted, tokens in counts.items()
        ]


def _asks(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a price weighs tokens by their request."""
    return {name: definition[name] for name in CONDITIONS & definition.keys()}
