"""The gateway's parts as a worker puts them together to run lines of batches."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec

from billing.funds import Settled
from gateway import core, offers, worth
from gateway.buckets import Buckets, Held
from gateway.errors import Unavailable
from gateway.inference import Inference
from gateway.limits import Limits
from gateway.recorder import Recorder
from gateway.standings import Limit, Standing
from marketplace.models import ServiceTier
from marketplace.queries import OfferSnapshot

#: A batch asks for no speed: it is held to how many of its lines run at once.
LANE = Limit("batch", 0, 0, 0)


class Lane(Limits):
    """Lets every line pass, and takes nothing from what the key may do meanwhile."""

    def take_at_once(self, buckets: Buckets, tokens: int) -> Held | None:
        """Take nothing."""
        return Held("", buckets, 0, local=True, standing=Standing(LANE, 0, 0))

    def release(self, held: Held, used: int) -> None:
        """Give nothing back."""


class Books(Recorder):
    """Keeps what a line used until it is recorded together with the line's answer.

    A worker that is killed before that has billed nothing and answered nothing; after it, both.
    So the journal has nothing to remember.
    """

    def __init__(self, of: core.Core) -> None:
        super().__init__(of.pool, of.journal, of.process_id, commit=False)
        self._held: dict[str, Settled] = {}

    async def settle(self, settled: Settled) -> None:
        """Keep it, marked as a batch's."""
        policy = {**settled.policy, "service_tier": ServiceTier.BATCH}
        self._held[settled.event_id] = msgspec.structs.replace(settled, policy=policy)

    def progress(self, settled: Settled) -> None:
        """A line is answered whole or not at all."""

    def unrecorded(self) -> Iterator[Settled]:
        """Yield what is not in PostgreSQL yet, so that nobody takes its credit for a stray."""
        yield from self._held.values()

    def of(self, event_id: str) -> Settled | None:
        """Return what the line used; None when it costs nothing."""
        return self._held.get(event_id)

    def forget(self, event_id: str) -> None:
        """Let go of what was recorded, or never will be."""
        self._held.pop(event_id, None)


class BatchCore(core.Core):
    """A gateway's core whose requests are lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.recorder = self.books = Books(self)
        self.inference = Inference(
            limits=Lane(self.redis),
            purses=self.purses,
            recorder=self.books,
            upstream=self.upstream,
            top_up_link=core.top_up_link,
            counter=self.counter,
        )


def for_batches(offer: OfferSnapshot) -> OfferSnapshot:
    """Return the offer as a batch's line calls it: at its own prices, half its tokens counted."""
    one = worth.rates(offer).weights
    weights = {part: weight / 2 for part, weight in one.items()} if one else offer.weights
    found = dataclasses.replace(offer, prices=offer.batch_prices, weights=weights, is_batch=True)
    if not offers.is_priced(found):
        raise Unavailable(
            f"The model '{offer.name}' has no price for batches at present.",
            code="model_unpriced",
        )
    return found
