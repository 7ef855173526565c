"""What is the same for all requests of one key to one offer, worked out once.

Keys and offers are read anew every few seconds; an agreement lasts as long as both.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from gateway import purse, worth
from gateway.buckets import Buckets, limits_of
from gateway.keys import Caller
from gateway.standings import Limit
from gateway.worth import Rates
from marketplace.queries import OfferSnapshot

#: Above so many all are forgotten, and worked out again by those who come.
MOST = 10_000


class Agreement(msgspec.Struct, frozen=True):
    """A key's terms for an offer."""

    caller: Caller
    offer: OfferSnapshot
    rates: Rates
    buckets: Buckets
    purse: purse.Key

    def then(self, at: datetime) -> "Agreement":
        """Return the terms for a request of that time: some prices go by the clock."""
        if not self.rates.conditions:
            return self
        return msgspec.structs.replace(self, rates=self.rates.then(at))


class Agreements:
    """Those of this process."""

    def __init__(self) -> None:
        self._known: dict[tuple[UUID, str], Agreement] = {}

    def between(self, caller: Caller, offer: OfferSnapshot) -> Agreement:
        """Return the agreement of just these two."""
        found = self._known.get((caller.id, offer.name))
        if found is None or found.caller is not caller or found.offer is not offer:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[caller.id, offer.name] = _made(caller, offer)
        return found


def _made(caller: Caller, offer: OfferSnapshot) -> Agreement:
    of_the_model = Limit(
        f"limits:{{{caller.organization_id}}}:{offer.name}",
        offer.default_rpm,
        offer.default_tpm,
        offer.default_concurrency,
    )
    return Agreement(
        caller=caller,
        offer=offer,
        rates=worth.rates(offer),
        buckets=Buckets([of_the_model, *limits_of(caller)]),
        purse=(caller.organization_id, offer.token_class_id, caller.currency),
    )
