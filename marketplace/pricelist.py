"""The prices of some offers over a time, for usage that is priced after the fact."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.models import Offer, Price, PriceBook, with_twins


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by offer and currency."""

    prices: dict[tuple[UUID, str], list[Price]]

    def at(self, offer: Offer, moment: datetime, currency: str) -> dict[str, Price]:
        """Return the price of each part at the moment; a part without one costs what its twin does."""
        found = {
            price.token_part: price
            for price in self.prices.get((offer.pk, currency), [])
            if price.effective_from <= moment
            and (price.effective_until is None or moment < price.effective_until)
        }
        return with_twins(found)


def between(offers: Iterable[Offer], start: datetime, end: datetime) -> PriceList:
    """Return the standard prices that held at some moment from ``start`` to ``end``."""
    currencies = dict(PriceBook.objects.filter(is_default=True).values_list("pk", "currency"))
    prices = Price.objects.standard().filter(
        offer__in=list(offers), book__in=currencies, effective_from__lte=end
    )
    found: dict[tuple[UUID, str], list[Price]] = {}
    for price in prices.exclude(effective_until__lte=start):
        found.setdefault((price.offer_id, currencies[price.book_id]), []).append(price)
    return PriceList(found)
