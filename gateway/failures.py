"""Calls that got no answer because of us: they leave no event, so they are counted by themselves.

A process keeps how many it has counted of each quarter of an hour and writes these numbers as they
stand: what is written twice counts once. One that is killed loses those of its last seconds.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from metering.services import measuring

#: Whose, since when, of what, where.
Key = tuple[UUID, datetime, str, str]
QUARTER = 15 * 60
#: An answer with this status or a higher one says that the fault is ours.
OURS = 500


class Failures:
    """What the present process could not answer."""

    def __init__(self) -> None:
        self._calls: dict[Key, int] = {}
        #: What changed since it was last written.
        self._news: set[Key] = set()

    def count(self, organization_id: UUID, offer_name: str, region: str, now: float) -> None:
        """Count a call that came at this time, in seconds since 1970."""
        quarter = datetime.fromtimestamp(now - now % QUARTER, UTC)
        key = organization_id, quarter, offer_name, region
        self._calls[key] = self._calls.get(key, 0) + 1
        self._news.add(key)

    async def write(self, pool: AsyncConnectionPool[Any], process_id: str) -> None:
        """Write what changed; what could not be written is written the next time."""
        if not self._news:
            return
        news, self._news = self._news, set()
        try:
            async with pool.connection() as connection:
                calls = {key: self._calls[key] for key in news}
                await measuring.note_failed(connection, process_id, calls)
        except BaseException:
            self._news |= news
            raise
        self._forget()

    def _forget(self) -> None:
        """Let go of quarters that are over and written."""
        now = datetime.now(UTC).timestamp()
        for key in [it for it in self._calls if it[1].timestamp() < now - 2 * QUARTER]:
            if key not in self._news:
                del self._calls[key]


#: Those of this process.
FAILURES = Failures()
