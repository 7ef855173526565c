"""Ways on trial: canaries answer a share of the requests first, shadows get copies afterwards.

An offer without one costs its requests a single look; see :class:`marketplace.queries.Trial`.
"""

import asyncio
import random
import time
from bisect import bisect_left
from collections import Counter
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from common.ids import uuid7
from gateway import calls, policy
from gateway.admitted import Admitted
from gateway.errors import GatewayError
from gateway.metrics import METRICS
from gateway.routing import Question, Routed, Router
from gateway.upstreams.base import Upstream, UpstreamError
from marketplace.models import TrialArm, TrialOutcome
from marketplace.queries import OnTrial
from marketplace.trials import BOUNDS
from tenants.models import Classification

NEW, USUAL = TrialArm.NEW.value, TrialArm.USUAL.value
GOOD, FAILED, BROKE, DROPPED = (it.value for it in TrialOutcome)
#: So many copies are under way at once in a process; more are dropped, and counted.
MOST_COPIES = 4
#: A copy's answer is read up to this size, and waited for so long.
LARGEST_COPY = 4 * 1024 * 1024
LONGEST_COPY = 120.0
#: What is more confidential than this is never copied.
COPIED = (Classification.PUBLIC, Classification.INTERNAL)
#: A way that was removed meanwhile takes its numbers along.
ADD = """
INSERT INTO marketplace_trialtally (id, route_id, arm, outcome, within, amount)
SELECT %(id)s, r.id, %(arm)s, %(outcome)s, %(within)s, %(amount)s
FROM marketplace_route r WHERE r.id = %(route)s
ON CONFLICT (route_id, arm, outcome, within)
DO UPDATE SET amount = marketplace_trialtally.amount + EXCLUDED.amount
"""


class Tallies:
    """What this process has counted and not written down yet."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[UUID, str, str, float]] = Counter()

    def add(self, way: OnTrial, model: str, arm: str, outcome: str, within: float = 0.0) -> None:
        """Count a request of a way on trial, or of the others beside it."""
        self._counts[way.route_id, arm, outcome, within] += 1
        METRICS.trials[model, way.route.server, arm, outcome] += 1

    async def save(self, pool: AsyncConnectionPool[Any]) -> None:
        """Add what was counted to what all processes have; what cannot be written is kept."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        names = ("route", "arm", "outcome", "within")
        # In one order everywhere: two processes never wait for each other in a circle.
        added = [
            {"id": uuid7(), **dict(zip(names, key, strict=True)), "amount": counts[key]}
            for key in sorted(counts)
        ]
        try:
            async with pool.connection() as connection, connection.cursor() as cursor:
                await cursor.executemany(ADD, added)
        except BaseException:
            self._counts.update(counts)
            raise


#: Those of this process.
TALLIES = Tallies()


class Watch:
    """Notes how the first way answers that a request is sent."""

    def __init__(self, way: OnTrial, model: str, arm: str) -> None:
        self._way, self._model, self._arm = way, model, arm
        self._began = time.monotonic()
        self._is_over = False

    def failed(self) -> None:
        """Note that the way did not answer, or could not be asked."""
        self._end(FAILED)

    def left_out(self) -> None:
        """Note that the way is not asked: what another answers says nothing about it."""
        self._is_over = True

    def answered(self, answer: Routed) -> None:
        """Note an answer that has begun, and listen whether it breaks off."""
        if self._is_over:
            return
        if answer.status == 200:
            answer.watch = self
            self._end(GOOD, _bound(time.monotonic() - self._began))
        elif answer.failed:
            self._end(FAILED)
        # Any other status tells of the request, not of the way.
        self._is_over = True

    def broke(self) -> None:
        """Note that the answer did not come to its end."""
        TALLIES.add(self._way, self._model, self._arm, BROKE)

    def _end(self, outcome: str, within: float = 0.0) -> None:
        if not self._is_over:
            self._is_over = True
            TALLIES.add(self._way, self._model, self._arm, outcome, within)


def is_chosen(way: OnTrial) -> bool:
    """Draw whether a request is among the way's share."""
    return random.random() * 100 < way.share  # noqa: S311 - spreads load, keeps no secret


def _bound(seconds: float) -> float:
    return BOUNDS[min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1)]


class Shadows:
    """Sends copies of requests whose answers have ended; what comes back is thrown away."""

    def __init__(self, upstream: Upstream) -> None:
        # Of its own: no copy shuts an engine out for those who wait for an answer.
        self._router = Router(upstream)
        self._copies: set[asyncio.Task[None]] = set()

    def consider(self, admitted: Admitted, way: OnTrial) -> None:
        """Copy the request if it is drawn, its data may be copied, and there is room."""
        offer = admitted.offer
        level = policy.level(admitted.caller, admitted.exchange.headers)
        if offer.is_batch or level not in COPIED or not is_chosen(way):
            return
        if len(self._copies) >= MOST_COPIES:
            TALLIES.add(way, offer.name, NEW, DROPPED)
            return
        cap = admitted.cap if admitted.endpoint.generates else None
        call = admitted.call
        question = Question(
            admitted.endpoint.path, lambda route: calls.copy_for_engine(call, route, cap)
        )
        if cap is not None:
            question.whole = cap * call.choices
        copy = asyncio.create_task(self._send(way, offer.name, question))
        self._copies.add(copy)
        copy.add_done_callback(self._copies.discard)

    async def _send(self, way: OnTrial, model: str, question: Question) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_COPY):
                answer = await self._router.ask((way.route,), question)
                try:
                    await answer.read(LARGEST_COPY)
                finally:
                    answer.close()
        except (GatewayError, UpstreamError, TimeoutError):
            TALLIES.add(way, model, NEW, FAILED)
            return
        if answer.status == 200:
            TALLIES.add(way, model, NEW, GOOD, _bound(time.monotonic() - began))
        elif answer.failed:
            TALLIES.add(way, model, NEW, FAILED)

    async def close(self) -> None:
        """Let go of the copies that are under way."""
        for copy in self._copies:
            copy.cancel()
        await asyncio.gather(*self._copies, return_exceptions=True)
