"""What a price book would say if a version of it held, and of whose usage; for rehearsals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from marketplace import books, comparison, ports
from marketplace.models import FALLBACK, Price, PriceBook, PriceBookVersion
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Stage:
    """Prices as they would be, and which offers each book prices."""

    book: UUID
    #: By the offer's name, part and tier.
    prices: Mapping[tuple[str, str, str], Mapping[str, Any]]
    offers: Mapping[UUID, frozenset[str]]

    def is_set(self, organization: Organization, at: datetime) -> "Setting":
        """Return the stage as one customer sees it."""
        return Setting(self, books.chain(organization, at))


@dataclass(frozen=True, slots=True)
class Setting:
    """A stage, and the books of one customer in their order."""

    stage: Stage
    chain: Sequence[UUID]

    def holds(self, offer: str) -> bool:
        """Whether the book of the stage is the first that prices the offer."""
        prices = (it for it in self.chain if offer in self.stage.offers.get(it, ()))
        return next(prices, None) == self.stage.book

    def price(self, offer: str, part: str, tier: str) -> Mapping[str, Any] | None:
        """Return what the part would cost; one without a price of its own costs what its twin does."""
        found = self.stage.prices.get((offer, part, tier))
        twin = FALLBACK.get(part)
        return found if found is not None or twin is None else self.price(offer, twin, tier)


def prices(version: PriceBookVersion) -> list[dict[str, Any]]:
    """Return all that the book would say, by offer, part and tier, as a row can keep it."""
    return [
        {"offer": it.offer.name, "part": it.part, "tier": it.tier, "definition": dict(it.new)}
        for it in comparison.of(version)
        if it.new is not None
    ]


def stage(book: PriceBook, kept: Iterable[Mapping[str, Any]], at: datetime) -> Stage:
    """Return the stage for prices that were kept; the other books say what they say now."""
    found = {(it["offer"], it["part"], it["tier"]): it["definition"] for it in kept}
    offers: dict[UUID, set[str]] = {}
    held = Price.objects.in_force(at).values_list("book", "offer__name").distinct().order_by()
    for pk, name in held:
        offers.setdefault(pk, set()).add(name)
    offers[book.pk] = {offer for offer, _part, _tier in found}
    return Stage(book.pk, found, {pk: frozenset(names) for pk, names in offers.items()})


def customers(book: PriceBook) -> QuerySet[Organization]:
    """Return who pays by the book now, as far as none that comes before it prices what they use."""
    found = Organization.objects.filter(currency=book.currency).order_by("pk")
    if book.is_default:
        return found
    named = [it.organization.pk for it in ports.contracts.naming(book.pk) if it.holds]
    whose = Q(pk__in=named)
    if book.organization_id is not None:
        whose |= Q(pk=book.organization_id)
    if book.customer_group_id is not None:
        whose |= Q(customer_group__group=book.customer_group_id)
    return found.filter(whose)
