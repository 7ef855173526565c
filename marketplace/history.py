"""An offer's prices over time, and what a change of them would have meant last month."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django_stubs_ext import StrOrPromise

from common.money import Money
from marketplace import ports, queries
from marketplace.models import FALLBACK, Offer, Price, ServiceTier, TokenPart

MILLION = Decimal(1_000_000)
#: Whose usage a change is rehearsed on.
REHEARSED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PartHistory:
    """What one part of the tokens costs: now, from when on something else, and what it cost."""

    part: str
    label: StrOrPromise
    now: Price | None
    coming: list[Price]
    past: list[Price]


@dataclass(frozen=True, slots=True)
class Change:
    """A new price beside the one it replaces, per million tokens."""

    part: str
    label: StrOrPromise
    old: Money | None
    new: Money
    #: How many tokens were used at this price in the last thirty days: of the part, of parts that
    #: have no price of their own and cost what it does, and of this tier alone.
    tokens: int
    service_tier: str = ServiceTier.STANDARD

    @property
    def share(self) -> Decimal | None:
        """By which share of the old price the new one differs."""
        if self.old is None or not self.old:
            return None
        return (self.new.amount - self.old.amount) / self.old.amount

    @property
    def difference(self) -> Money:
        """What the same usage would have been worth more, or less."""
        old = self.old.amount if self.old else Decimal(0)
        return Money((self.new.amount - old) * self.tokens / MILLION, self.new.currency)


def of(offer: Offer, currency: str = queries.DEFAULT_CURRENCY) -> list[PartHistory]:
    """Return the history of every part that has one, at once and in batches."""
    now = timezone.now()
    prices = Price.objects.listed(currency).filter(offer=offer)
    found = list(prices.select_related("book").order_by("-effective_from", "-id"))
    parts = [
        _history(part, tier, [it for it in found if _is_of(it, part, tier)], now)
        for tier in ServiceTier
        for part in TokenPart
    ]
    return [part for part in parts if part.now or part.coming or part.past]


def _is_of(price: Price, part: str, service_tier: str) -> bool:
    return (price.token_part, price.service_tier) == (part, service_tier)


def present(
    offer: Offer,
    currency: str = queries.DEFAULT_CURRENCY,
    service_tier: str = ServiceTier.STANDARD,
    at: datetime | None = None,
) -> dict[str, Decimal]:
    """Return what a million tokens of each part with a price of its own cost then; without it, now."""
    at = at or timezone.now()
    prices = queries.prices_in_force([offer.pk], at, currency, service_tier).get(offer.pk, {})
    return {part: price.per_million for part, price in prices.items()}


def wanted(
    changes: Iterable[Change], batch_per_million: Mapping[str, Decimal]
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return which prices are to be set at once and in batches, so that these changes come about."""
    changes = list(changes)
    parts = {it.part for it in changes}
    at_once = {it.part: it.new.amount for it in changes if it.service_tier == ServiceTier.STANDARD}
    return at_once, {part: it for part, it in batch_per_million.items() if part in parts}


def rehearse_both(
    offer: Offer,
    per_million: Mapping[str, Decimal],
    batch_per_million: Mapping[str, Decimal],
    at: datetime | None,
) -> list[Change]:
    """Return what would change: for answers that come at once, then for batches."""
    at_once = rehearse(offer, per_million, at)
    return at_once + rehearse(offer, batch_per_million, at, service_tier=ServiceTier.BATCH)


def rehearse(
    offer: Offer,
    per_million: Mapping[str, Decimal],
    at: datetime | None,
    currency: str = queries.DEFAULT_CURRENCY,
    service_tier: str = ServiceTier.STANDARD,
) -> list[Change]:
    """Return what the prices would change from then on, on the usage of the last thirty days."""
    at = at or timezone.now()
    held = queries.prices_in_force([offer.pk], at, currency, service_tier).get(offer.pk, {})
    since = timezone.now() - REHEARSED
    used = ports.demand.tokens(offer.name, since=since, service_tier=service_tier)
    own = held.keys() | per_million.keys()
    return [
        Change(
            part=part,
            label=_label(part, service_tier),
            old=Money(held[part].per_million, currency) if part in held else None,
            new=Money(amount, currency),
            tokens=_used_at(part, own, used),
            service_tier=service_tier,
        )
        for part, amount in per_million.items()
        if part not in held or held[part].per_million != amount
    ]


def _used_at(part: str, own: Collection[str], used: Mapping[str, int]) -> int:
    followers = [it for it, twin in FALLBACK.items() if twin == part and it not in own]
    return sum(used.get(each, 0) for each in (part, *followers))


def _label(part: str, service_tier: str) -> StrOrPromise:
    label = TokenPart(part).label
    if service_tier == ServiceTier.STANDARD:
        return label
    return f"{label} · {ServiceTier(service_tier).label}"


def _history(part: TokenPart, tier: str, prices: list[Price], now: datetime) -> PartHistory:
    return PartHistory(
        part=part.value,
        label=_label(part, tier),
        now=next((it for it in prices if _holds(it, now)), None),
        coming=[it for it in prices if it.effective_from > now and not it.is_withdrawn],
        past=[it for it in prices if it.effective_from <= now and not _holds(it, now)]
        + [it for it in prices if it.effective_from > now and it.is_withdrawn],
    )


def _holds(price: Price, at: datetime) -> bool:
    ends = price.effective_until
    return price.effective_from <= at and (ends is None or ends > at)
