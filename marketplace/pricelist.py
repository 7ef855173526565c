"""The prices of some offers over a time, for usage that is priced after the fact."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.models import Offer, Price, PriceBook, ServiceTier, with_twins


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by offer, book and tier, and the book of each currency that holds for everybody."""

    prices: dict[tuple[UUID, UUID, str], list[Price]]
    defaults: dict[str, UUID]

    def at(
        self,
        offer: Offer,
        moment: datetime,
        currency: str,
        special: Sequence[UUID] = (),
        tier: str = ServiceTier.STANDARD,
    ) -> dict[str, Price]:
        """Return the price of each part at the moment; a part without one costs what its twin does.

        The first of the books that prices the offer prices all of it; see :mod:`marketplace.books`.
        """
        default = self.defaults.get(currency)
        for book in [*special, *([default] if default else [])]:
            if found := self._held(offer, book, moment, tier):
                return with_twins(found)
        return {}

    def _held(self, offer: Offer, book: UUID, moment: datetime, tier: str) -> dict[str, Price]:
        return {
            price.token_part: price
            for price in self.prices.get((offer.pk, book, tier), [])
            if price.effective_from <= moment
            and (price.effective_until is None or moment < price.effective_until)
        }


def between(
    offers: Iterable[Offer], start: datetime, end: datetime, special: Iterable[UUID] = ()
) -> PriceList:
    """Return the prices that held at some moment from ``start`` to ``end``."""
    defaults = dict(PriceBook.objects.filter(is_default=True).values_list("currency", "pk"))
    prices = Price.objects.filter(
        offer__in=list(offers),
        book__in={*defaults.values(), *special},
        effective_from__lte=end,
    )
    found: dict[tuple[UUID, UUID, str], list[Price]] = {}
    for price in prices.exclude(effective_until__lte=start):
        place = price.offer_id, price.book_id, price.service_tier
        found.setdefault(place, []).append(price)
    return PriceList(found, defaults)
