"""What a gateway process hands in for each finished request, and what it hears back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from billing.burning import Allocation
from marketplace.models import FALLBACK
from metering.services.ingestion import Event, EventKey


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """One finished request: what was used, what it is worth and what pays for it."""

    organization_id: UUID
    project_id: UUID
    api_key_id: UUID | None
    event_id: str
    occurred_at: datetime
    offer_id: UUID
    offer_name: str
    region: str
    #: Disjoint tokens by part (``metering.models.TOKEN_PARTS``); a part that is absent has none.
    parts: dict[str, int]
    price_ids: dict[str, UUID]
    #: The exact worth of each part, twelve decimals at most.
    amounts: dict[str, Decimal]
    #: What a token of a part counted by what its request was like, where that is not one.
    multipliers: dict[str, Decimal] = {}
    currency: str = "EUR"
    #: In burn order; see :func:`billing.burning.split`.
    allocations: list[Allocation] = []
    #: The windows of budgets whose leases it was admitted on.
    budgets: list[UUID] = []
    source: str = "gateway"
    ttft_ms: int | None = None
    latency_ms: int | None = None
    streamed: bool = False
    outcome: str = "completed"
    policy: dict[str, Any] = {}
    #: For how long GPUs were held; where it has a price, what it is worth stands under ``gpu_hours``.
    gpu_seconds: int = 0
    #: How long the slowest twentieth of its tokens took after the one before, at least.
    inter_token_us: int | None = None

    @property
    def amount(self) -> Decimal:
        """Return the worth of all parts."""
        return sum(self.amounts.values(), Decimal(0))

    @property
    def key(self) -> EventKey:
        """Return what makes the event unique for ever."""
        return EventKey(self.organization_id, self.source, self.event_id)

    def price_of(self, part: str) -> UUID | None:
        """Return the price of a part; where it has none of its own, its twin's."""
        return self.price_ids.get(part) or self.price_ids.get(FALLBACK.get(part, ""))

    def event(self) -> Event:
        """Return the usage alone, without its worth."""
        # Written out: the recorder does this for every request.
        return Event(
            organization_id=self.organization_id,
            project_id=self.project_id,
            api_key_id=self.api_key_id,
            source=self.source,
            event_id=self.event_id,
            occurred_at=self.occurred_at,
            offer_id=self.offer_id,
            offer_name=self.offer_name,
            region=self.region,
            parts=self.parts,
            price_ids=self.price_ids,
            policy=self.policy,
            outcome=self.outcome,
            streamed=self.streamed,
            ttft_ms=self.ttft_ms,
            latency_ms=self.latency_ms,
            gpu_seconds=self.gpu_seconds,
            inter_token_us=self.inter_token_us,
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: the event ids that were new, and those that contradict the past."""

    accepted: frozenset[str]
    conflicts: frozenset[str]
    #: Where in the batch both stand: sources may use the same ids.
    new: Sequence[int] = ()
    wrong: Sequence[int] = ()
