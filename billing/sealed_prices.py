"""The text of a price as it is sealed with the receipts that name it.

Of what the database never lets change: whatever ends a price, or renames its model, is not in it.
"""

from collections.abc import Iterable
from uuid import UUID

from billing.receipts import canonical, moment
from common import merkle
from marketplace.models import Price

VERSION = 1


def document(price: Price) -> str:
    """Return the sealed text of a price."""
    return canonical(
        {
            "version": VERSION,
            "price_id": str(price.pk),
            "offer_id": str(price.offer_id),
            "part": price.token_part,
            "service_tier": price.service_tier,
            "currency": price.book.currency,
            "definition": price.definition,
            "effective_from": moment(price.effective_from),
        }
    )


def read(price_ids: Iterable[str]) -> list[Price]:
    """Return the prices that there are of these, in the order of their ids."""
    found = Price.objects.select_related("book").in_bulk({UUID(it) for it in price_ids})
    return [found[price_id] for price_id in sorted(found)]


class Prices:
    """The hashes of prices, each read once."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def hashes(self, price_ids: Iterable[str]) -> dict[str, str]:
        """Return the hashes of the texts by the ids of those that there are, in hexadecimal."""
        asked = set(price_ids)
        for price in read(asked - self.known.keys()):
            self.known[str(price.pk)] = merkle.leaf(document(price).encode()).hex()
        return {it: self.known[it] for it in sorted(asked & self.known.keys())}
