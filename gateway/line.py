"""One connection to Redis over which all calls of a process talk at once.

Lending a connection to each command and taking it back costs several times what a script costs.
Here commands go out as they come, and answers are matched with them by their order.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import NoScriptError, RedisError, ResponseError

Word = str | bytes | int | float


class Script:
    """A script, which Redis knows by its digest once it has run it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - as Redis names it


class Line:
    """The connection; opened with the first command, and again after a failure."""

    def __init__(self, pool: ConnectionPool, patience: float) -> None:
        self._pool = pool
        #: An answer that takes longer is given up, and the connection with it.
        self._patience = patience
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writers: set[asyncio.Task[None]] = set()
        self._outgoing: list[bytes] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._heard_at = 0.0

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script; raises RedisError, OSError or TimeoutError."""
        rest = (len(keys), *keys, *arguments)
        try:
            async with asyncio.timeout(self._patience):
                try:
                    return await self._ask("EVALSHA", script.digest, *rest)
                except NoScriptError:
                    return await self._ask("EVAL", script.text, *rest)
        except TimeoutError:
            if time.monotonic() - self._heard_at > self._patience:
                await self.close()
            raise

    async def _ask(self, *words: Word) -> Any:
        connection = self._connection or await self._open()
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        # What is asked before the writer gets its turn goes out with it.
        if not self._outgoing:
            writer = asyncio.create_task(self._write(connection))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        self._outgoing.extend(connection.pack_command(*words))
        return await answer

    async def _open(self) -> AbstractConnection:
        async with self._opening:
            if self._connection is None:
                facts = {**self._pool.connection_kwargs, "socket_timeout": None}
                connection = self._pool.connection_class(**facts)
                await connection.connect()  # type: ignore[no-untyped-call]
                self._connection, self._heard_at = connection, time.monotonic()
                self._reader = asyncio.create_task(self._read(connection))
            return self._connection

    async def _write(self, connection: AbstractConnection) -> None:
        if connection is not self._connection or not connection.is_connected:
            # It would connect again by itself, and nobody would hear its answers.
            return
        outgoing, self._outgoing = self._outgoing, []
        with suppress(RedisError, OSError):
            # When it fails, so does the reader, who tells all that wait.
            await connection.send_packed_command(outgoing, check_health=False)

    async def _read(self, connection: AbstractConnection) -> None:
        try:
            while True:
                await self._take_answer(connection)
        except (RedisError, OSError) as error:
            self._connection = None
            self._fail(error)

    async def _take_answer(self, connection: AbstractConnection) -> None:
        answer: Any = None
        refusal: ResponseError | None = None
        try:
            answer = await connection.read_response(disable_decoding=True)
        except ResponseError as error:
            refusal = error
        self._heard_at = time.monotonic()
        waiting = self._waiting.popleft()
        if waiting.done():
            return
        if refusal is None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(refusal)

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting, self._outgoing = self._waiting, deque(), []
        for each in waiting:
            if not each.done():
                each.set_exception(error)

    async def close(self) -> None:
        """Hang up; what still waits for an answer fails."""
        connection, self._connection = self._connection, None
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
        self._fail(ConnectionResetError("the line to Redis was closed"))
        if connection is not None:
            await connection.disconnect(nowait=True)
