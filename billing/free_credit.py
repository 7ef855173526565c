"""Credit that nobody holds, for usage that comes to us after the fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from billing.burning import BurnKey, Unit, burn_key, split
from billing.counted import GPU_HOURS
from billing.rating import units
from billing.settlement import Settled
from common.money import exact
from marketplace.models import Offer, ServiceTier, with_twins
from metering.models import TRAINED
from metering.services import rows

# Of all organizations at once and by id, in the lock order of the house.
LOCK_FREE = """
SELECT g.id AS grant_id, g.organization_id, w.currency, g.unit, g.token_class_id,
    g.remaining - g.leased AS quantity, g.priority, g.expires_at, g.created_at
FROM billing_creditgrant g JOIN billing_wallet w ON w.id = g.wallet_id
WHERE g.organization_id = ANY(%s) AND g.remaining > g.leased AND g.voided_at IS NULL
    AND g.effective_from <= now() AND (g.expires_at IS NULL OR g.expires_at > now())
ORDER BY g.id FOR UPDATE OF g
"""


@dataclass(slots=True)
class _Free:
    """What nobody holds of one locked grant."""

    grant_id: UUID
    organization_id: UUID
    currency: str
    unit: Unit
    token_class_id: UUID | None
    quantity: Decimal
    priority: int
    expires_at: datetime | None
    created_at: datetime

    def rank(self) -> BurnKey:
        """Return where it stands in burn order."""
        return burn_key(
            unit=self.unit,
            priority=self.priority,
            expires_at=self.expires_at,
            created_at=self.created_at,
            grant_id=self.grant_id,
        )

    def pays(self, settled: Settled, token_class_id: UUID | None) -> bool:
        """Whether it may pay for this request."""
        same = (self.organization_id, self.currency) == (settled.organization_id, settled.currency)
        return same and self.token_class_id in (None, token_class_id)


class FreeCredit:
    """Pays for requests from what is free, as far as that reaches."""

    def __init__(self, offers: Mapping[str, Offer]) -> None:
        self._classes = {name: offer.token_class_id for name, offer in offers.items()}
        self._weights = {name: _weights(offer) for name, offer in offers.items()}

    async def pay(self, conn: AsyncConnection[Any], new: Sequence[Settled]) -> list[Settled]:
        """Return the requests with who pays for them. Part of the caller's transaction."""
        cursor = conn.cursor(row_factory=class_row(_Free))
        owners = sorted({settled.organization_id for settled in new})
        await cursor.execute(LOCK_FREE, [rows.uuids(owners)])
        free = sorted(await cursor.fetchall(), key=_Free.rank)
        return [self._paid(settled, free) for settled in new]

    def _paid(self, settled: Settled, free: Sequence[_Free]) -> Settled:
        token_class_id = self._class(settled)
        payers = [grant for grant in free if grant.pays(settled, token_class_id)]
        paid = split(payers, money=settled.amount, tokens=self._tokens(settled))
        for allocation in paid.allocations:
            payer = next(grant for grant in payers if grant.grant_id == allocation.grant_id)
            payer.quantity -= allocation.quantity
        return msgspec.structs.replace(settled, allocations=list(paid.allocations))

    def _class(self, settled: Settled) -> UUID | None:
        """Return whose tokens may pay; what is no request's is paid by a class that says what it counts."""
        unusual = {TRAINED} & settled.parts.keys() | ({GPU_HOURS} if settled.gpu_seconds else set())
        if unusual - self._weights[settled.offer_name].keys():
            return None
        return self._classes[settled.offer_name]

    def _tokens(self, settled: Settled) -> Decimal:
        weights = self._weights[settled.offer_name]
        counts = settled.parts.items()
        one = sum((weights.get(part, Decimal(1)) * count for part, count in counts), Decimal(0))
        if settled.gpu_seconds and GPU_HOURS in weights:
            one += exact(weights[GPU_HOURS] * units.hours(settled.gpu_seconds))
        # Of a bundle of tokens a batch takes half as many, whoever ran it.
        is_batch = settled.policy.get("service_tier") == ServiceTier.BATCH
        return exact(one / 2) if is_batch else one


def _weights(offer: Offer) -> dict[str, Decimal]:
    if offer.token_class is None:
        return {}
    return with_twins({it.token_part: it.weight for it in offer.token_class.weights.all()})
