"""A request that was let in, with all that was frozen then."""

import time
from datetime import datetime

import msgspec

from gateway.agreements import Agreement
from gateway.buckets import Held
from gateway.calls import Call
from gateway.dialects.base import Dialect
from gateway.endpoints import Endpoint
from gateway.exchange import Exchange
from gateway.keys import Caller
from gateway.prompts import Prompt
from gateway.purse import Reservation
from gateway.usage import Bounds
from marketplace.queries import OfferSnapshot


class Admitted(msgspec.Struct):
    """A request that may go to the engine, with all that was frozen when it was let in."""

    exchange: Exchange
    endpoint: Endpoint
    caller: Caller
    offer: OfferSnapshot
    call: Call
    prompt: Prompt
    agreement: Agreement
    occurred_at: datetime
    started: float
    held: Held
    dialect: Dialect | None = None
    reservation: Reservation | None = None
    cap: int = 0
    used: int = 0
    #: How long it took until the first part of a stream was passed on.
    ttft_ms: int | None = None
    #: For how many seconds a client that reads slowly was waited for: that is no time of ours.
    waited: float = 0.0
    #: How long the slowest twentieth of its tokens took after the one before, at least.
    inter_token_us: int | None = None

    @property
    def bounds(self) -> Bounds:
        """Return what the usage can be at most."""
        prompt = self.prompt
        return Bounds(
            prompt.bound,
            self.cap * self.call.choices,
            prompt.size,
            self.call.choices,
            prompt.image,
            prompt.audio,
            prompt.likely_image,
            prompt.likely_audio,
            prompt.speaks,
        )

    def milliseconds(self) -> int:
        """Return how long ago the request came, without what its client was waited for."""
        return round((time.monotonic() - self.started - self.waited) * 1000)
