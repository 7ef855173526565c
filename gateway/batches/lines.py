"""The lines of one batch in PostgreSQL: what waits, and what is written together with its bill.

Every write proves the lease: of two workers one writes, and a line is answered and billed by the
same transaction, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from billing import funds
from billing.funds import Settled

#: How long a worker may be silent before another takes the batch over.
LEASE = timedelta(seconds=30)
AT_ONCE = 200

NEXT = """
SELECT number, begins, size, tries FROM gateway_batchline
WHERE batch_id = %s AND state = 'waiting' AND (tries, number) > (%s, %s)
ORDER BY tries, number LIMIT %s
"""
KEEP = """
UPDATE gateway_batch SET leased_until = now() + %s, updated_at = now()
WHERE id = %s AND lease = %s RETURNING status
"""
COUNT = """
UPDATE gateway_batch SET completed = completed + %s, failed = failed + %s, usage = %s, rests = 0,
    leased_until = now() + %s, updated_at = now()
WHERE id = %s AND lease = %s AND status IN ('in_progress', 'cancelling') RETURNING id
"""
WRITE = """
UPDATE gateway_batchline line SET state = new.state, status_code = new.status_code, body = new.body
FROM unnest(%s::int[], %s::text[], %s::int[], %s::text[]) AS new(number, state, status_code, body)
WHERE line.batch_id = %s AND line.number = new.number AND line.state = 'waiting'
RETURNING line.number
"""
PUT_OFF = """
UPDATE gateway_batchline line
SET tries = least(line.tries + 1, 32000), status_code = new.status_code, body = new.body
FROM unnest(%s::int[], %s::int[], %s::text[]) AS new(number, status_code, body)
WHERE line.batch_id = %s AND line.number = new.number AND line.state = 'waiting'
    AND EXISTS (SELECT 1 FROM gateway_batch b WHERE b.id = line.batch_id AND b.lease = %s)
"""


class LeaseLost(Exception):
    """Another worker has this batch now; nothing of ours may be written."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line that has no answer yet."""

    number: int
    begins: int
    size: int
    tries: int


class Outcome(msgspec.Struct, frozen=True):
    """What became of a line: its answer with what it cost, or its refusal."""

    number: int
    status: int
    body: bytes
    settled: Settled | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the engine has answered."""
        return self.status == 200


class Lines:
    """A batch's lines, for whoever holds its lease."""

    def __init__(self, batch_id: UUID, lease: UUID, usage: dict[str, int]) -> None:
        self._batch = batch_id
        self._lease = lease
        self._usage = dict(usage)
        self._last = (-1, 0)

    async def next(self, connection: AsyncConnection[TupleRow]) -> list[Waiting]:
        """Return the lines that come next; each is returned once, the often refused ones last."""
        cursor = connection.cursor(row_factory=class_row(Waiting))
        await cursor.execute(NEXT, [self._batch, *self._last, AT_ONCE])
        found = await cursor.fetchall()
        if found:
            self._last = (found[-1].tries, found[-1].number)
        return found

    async def keep(self, connection: AsyncConnection[TupleRow]) -> str:
        """Say that the batch is being worked on; returns its status."""
        cursor = await connection.execute(KEEP, [LEASE, self._batch, self._lease])
        row = await cursor.fetchone()
        if row is None:
            raise LeaseLost
        return str(row[0])

    async def write(
        self, connection: AsyncConnection[TupleRow], process_id: str, outcomes: Sequence[Outcome]
    ) -> None:
        """Write answers and refusals, and bill what was answered: all of it or nothing."""
        usage = dict(self._usage)
        settled = [each.settled for each in outcomes if each.settled is not None]
        for each in settled:
            for part, tokens in each.parts.items():
                usage[part] = usage.get(part, 0) + tokens
        answered = sum(each.is_answered for each in outcomes)
        counts = [answered, len(outcomes) - answered, Jsonb(usage), LEASE]
        async with connection.transaction():
            held = await connection.execute(COUNT, [*counts, self._batch, self._lease])
            if await held.fetchone() is None:
                raise LeaseLost
            written = await connection.execute(WRITE, [*_columns(outcomes), self._batch])
            if len(await written.fetchall()) != len(outcomes):
                raise LeaseLost
            if settled:
                await funds.record(connection, process_id=process_id, batch=settled)
        self._usage = usage

    async def put_off(
        self, connection: AsyncConnection[TupleRow], outcomes: Sequence[Outcome]
    ) -> None:
        """Note why these lines were refused; they come after the others now."""
        numbers, _states, codes, bodies = _columns(outcomes)
        facts = [numbers, codes, bodies, self._batch, self._lease]
        await connection.execute(PUT_OFF, facts)


def _columns(outcomes: Sequence[Outcome]) -> tuple[list[Any], ...]:
    return (
        [each.number for each in outcomes],
        ["answered" if each.is_answered else "refused" for each in outcomes],
        [each.status for each in outcomes],
        [each.body.decode("utf-8", "replace") for each in outcomes],
    )
