"""What would cost more: what is paid for an offer before a change, beside what would be after it.

A change is no rise only where it can be shown that no quantity of any part costs more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace import books, ports
from marketplace.models import PRICED_PARTS, Offer, Price, PriceBook, ServiceTier
from marketplace.models.prices import dearest_per_token, with_twins
from tenants.models import Organization

Definition = Mapping[str, Any]
PARTS = [part for part, _label in PRICED_PARTS]
#: By service tier and part, as written down: a part that is not named follows its twin.
Said = Mapping[str, Mapping[str, Definition]]


@dataclass(frozen=True, slots=True)
class Rise:
    """A part that would cost more; ``before`` is None where it cost nothing of its own."""

    tier: str
    part: str
    before: Definition | None
    after: Definition

    @property
    def facts(self) -> dict[str, Any]:
        """What a notice keeps of it."""
        return {
            "tier": self.tier,
            "part": self.part,
            "before": self.before,
            "after": dict(self.after),
        }


def between(before: Said, after: Said) -> list[Rise]:
    """Return what would cost more; what could not be used before has no price that could rise."""
    return [rise for tier in ServiceTier.values for rise in _between(tier, before, after)]


def _between(tier: str, before: Said, after: Said) -> list[Rise]:
    own = before.get(tier, {}), after.get(tier, {})
    held, wanted = map(with_twins, own)
    # A part that follows its twin before and after rises as that does: one of them says it.
    named = (part for part in PARTS if part in wanted and (part in own[0] or part in own[1]))
    return [
        Rise(tier, part, held.get(part), wanted[part])
        for part in named
        if held and can_cost_more(part, held.get(part), wanted[part])
    ]


def can_cost_more(part: str, before: Definition | None, after: Definition) -> bool:
    """Tell whether some usage may cost more: when the month is over, or while it runs.

    Until then each token is settled at the dearest that one can come to.
    """
    if before is None:
        return True
    is_dearer = dearest_per_token(dict(after)) > dearest_per_token(dict(before))
    return is_dearer or ports.rater.can_cost_more(part, before, after)


def said(book: PriceBook, offer: Offer, at: datetime) -> tuple[Said, bool]:
    """Return what a book says of an offer at the instant, and whether it does: else the list does."""
    prices = Price.objects.in_force(at).filter(offer=offer)
    own = list(prices.filter(book=book))
    return _by_tier(own or prices.listed(book.currency)), bool(own)


def paid(
    organizations: Collection[Organization], offers: Sequence[UUID], at: datetime
) -> dict[UUID, dict[UUID, Said]]:
    """Return what each organization pays for each offer at the instant, by its own books."""
    found: dict[tuple[str, tuple[UUID, ...]], dict[UUID, Said]] = {}
    by_organization = {}
    special = books.special_of(organizations, at)
    for organization in organizations:
        key = organization.currency, tuple(special[organization.pk])
        if key not in found:
            found[key] = _of_books(offers, at, *key)
        by_organization[organization.pk] = found[key]
    return by_organization


def _of_books(
    offers: Sequence[UUID], at: datetime, currency: str, special: Sequence[UUID]
) -> dict[UUID, Said]:
    priced = books.in_force(offers, at, currency, special)
    return {
        offer: _by_tier(price for tier in priced.values() for price in tier.get(offer, {}).values())
        for offer in offers
    }


def _by_tier(prices: Iterable[Price]) -> Said:
    found: dict[str, dict[str, Definition]] = {}
    for price in prices:
        found.setdefault(price.service_tier, {})[price.token_part] = price.definition
    return found
