"""A version of a price book beside what the book says without it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django_stubs_ext import StrOrPromise

from marketplace import price_words
from marketplace.models import (
    PRICED_PARTS,
    Offer,
    Price,
    PriceBook,
    PriceBookVersion,
    ServiceTier,
)
from marketplace.models.prices import halved

#: By offer, part and tier.
Definitions = dict[tuple[UUID, str, str], dict[str, Any]]
INSTANT = timedelta(microseconds=1)
LABELS = dict(PRICED_PARTS)
PARTS = [part for part, _label in PRICED_PARTS]
TIERS = list(ServiceTier.values)


@dataclass(frozen=True, slots=True)
class Line:
    """What one part of an offer costs without the version, and with it."""

    offer: Offer
    part: str
    tier: str
    currency: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    #: Whether the version says so itself; otherwise it stays as it is, or follows.
    is_own: bool

    @property
    def label(self) -> StrOrPromise:
        """The part in words."""
        return LABELS[self.part]

    @property
    def tier_label(self) -> StrOrPromise:
        """The tier in words."""
        return ServiceTier(self.tier).label

    @property
    def is_single(self) -> bool:
        """Whether its price is for one, not for a million."""
        return self.part in price_words.SINGLE

    @property
    def is_changed(self) -> bool:
        """Whether the version makes a difference."""
        return self.old != self.new

    @property
    def old_words(self) -> list[str]:
        """What it costs without the version."""
        return price_words.words(self.part, self.old, self.currency)

    @property
    def new_words(self) -> list[str]:
        """What it costs with the version."""
        return price_words.words(self.part, self.new, self.currency)

    @property
    def share(self) -> Decimal | None:
        """By which share it gets dearer or cheaper."""
        return price_words.share(self.old, self.new)


def of(version: PriceBookVersion) -> list[Line]:
    """Return every price of the book with and without the version, by offer, part and tier."""
    old, own = _without(version), drafted(version)
    new = old | with_batches(own)
    offers = {it.pk: it for it in Offer.objects.filter(pk__in={key[0] for key in new})}
    currency = version.book.currency
    lines = [
        Line(offers[key[0]], key[1], key[2], currency, old.get(key), definition, key in own)
        for key, definition in new.items()
    ]
    return sorted(lines, key=_place)


def current(book: PriceBook, prices: list[Price]) -> list[Line]:
    """Return prices of a book, in the same order, without anything beside them."""
    lines = [
        Line(it.offer, it.token_part, it.service_tier, book.currency, None, it.definition, True)  # noqa: FBT003
        for it in prices
    ]
    return sorted(lines, key=_place)


def _place(line: Line) -> tuple[str, int, int]:
    return line.offer.name, PARTS.index(line.part), TIERS.index(line.tier)


def _without(version: PriceBookVersion) -> Definitions:
    """Return what the book says without the version: last of all, or until it began."""
    prices = Price.objects.filter(book=version.book)
    if version.effective_from is None:
        return _by_place(prices.filter(effective_until=None))
    return _by_place(prices.in_force(version.effective_from - INSTANT))


def _by_place(prices: Any) -> Definitions:
    return {(it.offer_id, it.token_part, it.service_tier): it.definition for it in prices}


def drafted(version: PriceBookVersion) -> Definitions:
    """Return what the version says itself."""
    return _by_place(version.drafts.all())


def with_batches(own: Definitions) -> Definitions:
    """Return the same with what batches pay: half, where the version says nothing of them."""
    halves = {
        (offer, part, ServiceTier.BATCH.value): halved(definition)
        for (offer, part, tier), definition in own.items()
        if tier == ServiceTier.STANDARD
    }
    return halves | own
