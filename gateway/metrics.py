"""What this process counts for those who watch it: plain numbers, made into text when asked for.

One thread and one event loop do all the counting, so a count is an addition and needs no lock.
Labels are models, servers and codes of our own; never keys, organizations or what a caller wrote.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

import msgspec

from billing.settlement import Settled
from gateway.errors import GatewayError

#: Models beyond so many share one label: private models may be many.
MOST_MODELS = 500
OTHERS = "other"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 600)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10)
FLUSHES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
BATCHES = (1, 2, 5, 10, 25, 50, 100, 200, 500, 1000)


class Histogram:
    """How often values fell between bounds."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += times
        self.total += value * times

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many values were at most each bound, as Prometheus has it."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))


class Bill(msgspec.Struct):
    """What became of a request that was settled, and what had been reserved for it."""

    settled: Settled
    cost: Decimal
    reserved_tokens: int
    reserved: Decimal


class ModelCounts:
    """The requests for one model."""

    def __init__(self) -> None:
        self.running = 0
        self.streams = 0
        self.outcomes: defaultdict[str, int] = defaultdict(int)
        self.tokens: defaultdict[str, int] = defaultdict(int)
        self.estimated = 0
        self.reserved_tokens = 0
        #: Money by currency: what was reserved for those that were settled, and what they cost.
        self.reserved: defaultdict[str, float] = defaultdict(float)
        self.cost: defaultdict[str, float] = defaultdict(float)
        self.ttft = Histogram(SECONDS)
        self.latency = Histogram(SECONDS)
        self.gaps = Histogram(GAPS)

    def wrote(self, seconds: float, events: int) -> None:
        """Count events passed on together, so long after those before them."""
        self.gaps.observe(seconds / events, events)

    def count(self, bill: Bill) -> None:
        """Count a request that was settled."""
        settled = bill.settled
        self.outcomes[settled.outcome] += 1
        self.reserved_tokens += bill.reserved_tokens
        self.reserved[settled.currency] += float(bill.reserved)
        self.cost[settled.currency] += float(bill.cost)
        for part, tokens in settled.parts.items():
            self.tokens[part] += tokens
        if settled.policy.get("estimated"):
            self.estimated += 1
        if settled.ttft_ms is not None:
            self.ttft.observe(settled.ttft_ms / 1000)
        if settled.latency_ms is not None:
            self.latency.observe(settled.latency_ms / 1000)


class Metrics:
    """All that is counted in this process."""

    def __init__(self) -> None:
        self.models: dict[str, ModelCounts] = {}
        #: By model (none before it is known), status and code.
        self.refusals: defaultdict[tuple[str, int, str], int] = defaultdict(int)
        self.batches = Histogram(BATCHES)
        self.flushes = Histogram(FLUSHES)
        #: Batches that PostgreSQL did not take at the first try.
        self.put_off = 0
        self.leases = 0
        self.recalls_asked = 0
        self.recalls_answered = 0
        #: Requests of offers with a way on trial: by model, server of that way, arm and outcome.
        self.trials: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        #: Requests whose limits were held by this process alone.
        self.limited_alone = 0

    def of(self, model: str) -> ModelCounts:
        """Return the counts of a model."""
        found = self.models.get(model)
        if found is None:
            name = model if len(self.models) < MOST_MODELS else OTHERS
            found = self.models.setdefault(name, ModelCounts())
        return found

    def refused(self, model: str, error: GatewayError) -> None:
        """Count a refusal; of a model only where it is one that we serve."""
        known = model if not model or model in self.models else OTHERS
        self.refusals[known, error.status, error.code] += 1

    def recorded(self, events: int, seconds: float) -> None:
        """Count a batch that is in PostgreSQL."""
        self.batches.observe(events)
        self.flushes.observe(seconds)


#: Those of this process.
METRICS = Metrics()
