"""An offer's prices over time, and what a change of them would have meant last month."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django_stubs_ext import StrOrPromise

from common.money import Money
from marketplace import ports, queries
from marketplace.models import Offer, Price, TokenPart

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
    #: How many tokens of the part were used in the last thirty days.
    tokens: int

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
    """Return the history of every part that has one."""
    now = timezone.now()
    prices = Price.objects.standard().listed(currency).filter(offer=offer)
    found = list(prices.select_related("book").order_by("-effective_from", "-id"))
    parts = [
        _history(part, [it for it in found if it.token_part == part], now) for part in TokenPart
    ]
    return [part for part in parts if part.now or part.coming or part.past]


def present(offer: Offer, currency: str = queries.DEFAULT_CURRENCY) -> dict[str, Decimal]:
    """Return what a million tokens of each part with a price of its own cost now."""
    prices = queries.prices_in_force([offer.pk], timezone.now(), currency).get(offer.pk, {})
    return {part: price.per_million for part, price in prices.items()}


def rehearse(
    offer: Offer,
    per_million: Mapping[str, Decimal],
    at: datetime | None,
    currency: str = queries.DEFAULT_CURRENCY,
) -> list[Change]:
    """Return what the prices would change from then on, on the usage of the last thirty days."""
    at = at or timezone.now()
    held = queries.prices_in_force([offer.pk], at, currency).get(offer.pk, {})
    used = ports.demand.tokens(offer.name, since=timezone.now() - REHEARSED)
    return [
        Change(
            part=part,
            label=TokenPart(part).label,
            old=Money(held[part].per_million, currency) if part in held else None,
            new=Money(amount, currency),
            tokens=used.get(part, 0),
        )
        for part, amount in per_million.items()
        if part not in held or held[part].per_million != amount
    ]


def _history(part: TokenPart, prices: list[Price], now: datetime) -> PartHistory:
    return PartHistory(
        part=part.value,
        label=part.label,
        now=next((it for it in prices if _holds(it, now)), None),
        coming=[it for it in prices if it.effective_from > now and not it.is_withdrawn],
        past=[it for it in prices if it.effective_from <= now and not _holds(it, now)]
        + [it for it in prices if it.effective_from > now and it.is_withdrawn],
    )


def _holds(price: Price, at: datetime) -> bool:
    ends = price.effective_until
    return price.effective_from <= at and (ends is None or ends > at)
