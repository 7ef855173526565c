"""Credit on its way between the wallet and this process, so that whoever looks for it can wait for it.

A move comes to its end whoever has given up waiting: what PostgreSQL takes or returns late is still
taken in here, and is no stray.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")


class Moves:
    """All moves under way, by organization."""

    def __init__(self) -> None:
        self._running: dict[UUID, set[asyncio.Task[Any]]] = {}

    def begin(self, organization_id: UUID, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a move."""
        task = asyncio.create_task(work)
        self._running.setdefault(organization_id, set()).add(task)
        task.add_done_callback(partial(self._end, organization_id))
        return task

    async def run(self, organization_id: UUID, work: Coroutine[Any, Any, T]) -> T:
        """Move something; cancelled or timed out, the caller goes, and the move goes on."""
        return await asyncio.shield(self.begin(organization_id, work))

    def of(self, organization_id: UUID | None) -> set[asyncio.Task[Any]]:
        """Return what is under way for this organization, or for all."""
        if organization_id is not None:
            return set(self._running.get(organization_id, ()))
        return {task for tasks in self._running.values() for task in tasks}

    def _end(self, organization_id: UUID, task: asyncio.Task[Any]) -> None:
        tasks = self._running[organization_id]
        tasks.discard(task)
        if not tasks:
            del self._running[organization_id]
        if not task.cancelled():
            # Looked at here too: whoever waited may have gone.
            task.exception()
