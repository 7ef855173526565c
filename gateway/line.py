"""One connection to Redis over which all calls of a process talk at once.

Lending a connection to each command and taking it back costs several times what a script costs.
Here what is asked within one turn of the loop goes out in one write, answers are matched by their
order, and one timer watches over all of them.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

Word = str | bytes | int | float
#: Seconds in which a connection must be open; whoever asks waits no longer than for an answer.
OPENING = 5.0
#: In such a pause the loop reads what has come.
TURN = 0.01


class Script:
    """A script, which Redis knows by its digest once it has run it."""

    def __init__(self, text: str) -> None:
        self.text = text
        digest = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - as Redis names it
        self._by_digest = written("EVALSHA", digest)
        self._by_text = written("EVAL", text)

    def call(self, keys: Sequence[str], arguments: Sequence[Word], *, more: int = 0) -> bytes:
        """Return the command that runs it; so many more arguments are added by whoever sends it."""
        rest = written(len(keys), *keys, *arguments)
        return b"*%d\r\n" % (3 + len(keys) + len(arguments) + more) + self._by_digest + rest

    def in_full(self, call: bytes) -> bytes:
        """Return the command for a Redis that has forgotten the script."""
        return call.replace(self._by_digest, self._by_text, 1)


def written(*words: Word) -> bytes:
    """Return words as Redis reads them in a command."""
    # Its stub believes in commands of one word.
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]
    return packed.partition(b"\r\n")[2]


class _Asked:
    """A command on its way, and who waits for its answer; nobody may."""

    __slots__ = ("answer", "at", "call", "script")

    def __init__(
        self,
        at: float,
        call: bytes,
        answer: "asyncio.Future[Any] | None" = None,
        script: Script | None = None,
    ) -> None:
        self.at = at
        self.call = call
        self.answer = answer
        #: Told in full when Redis turns out to have forgotten it.
        self.script = script


class Line:
    """The connection; opened with the first command, and again after a failure."""

    def __init__(
        self, pool: ConnectionPool, patience: float, scripts: Sequence[Script] = ()
    ) -> None:
        self._pool = pool
        #: Told when the connection opens: one that must be told later loses its turn.
        self._scripts = scripts
        #: An answer that takes longer is given up; a line on which nothing is heard for so long is.
        self._patience = patience
        self._opening: asyncio.Task[_Wire] | None = None
        self._wire: _Wire | None = None

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script; raises RedisError, OSError or TimeoutError."""
        return await self.ask(script, script.call(keys, arguments))

    def ask(self, script: Script, call: bytes) -> Awaitable[Any]:
        """Run a script by a call that is written out; raises as :meth:`run` does."""
        wire = self._wire
        if wire is None or not wire.is_open:
            return self._ask_when_open(script, call)
        return wire.ask(call, script)

    async def _ask_when_open(self, script: Script, call: bytes) -> Any:
        wire = await self._open()
        return await wire.ask(call, script)

    def tell(self, script: Script, call: bytes) -> bool:
        """Run a script whose answer nobody waits for; False when the line is not open."""
        wire = self._wire
        if wire is None or not wire.is_open:
            return False
        wire.send(call, None, script)
        return True

    async def _open(self) -> "_Wire":
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(self._opened)
        # Shielded: one caller that goes away must not cancel what others wait for.
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(self._opening)

    def _opened(self, opening: "asyncio.Task[_Wire]") -> None:
        self._opening = None
        if not opening.cancelled():
            # Looked at here too: whoever waited may have gone.
            opening.exception()

    async def _connect(self) -> "_Wire":
        async with asyncio.timeout(OPENING):
            wire = await _connect(self._pool, self._patience)
            try:
                # In one write: on a busy loop each turn is long.
                await asyncio.gather(
                    *(wire.ask(_call(*it)) for it in _greeting(self._pool.connection_kwargs)),
                    *(wire.ask(_call("SCRIPT", "LOAD", it.text)) for it in self._scripts),
                )
            except BaseException:
                # Nobody else knows of it, and a Redis that refuses us is tried every second.
                wire.close()
                raise
            self._wire = wire
            return wire

    async def close(self) -> None:
        """Hang up; what still waits for an answer fails."""
        if self._wire is not None:
            self._wire.close()


class _Wire(asyncio.Protocol):
    """One connection's life."""

    def __init__(self, patience: float) -> None:
        self.is_open = False
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[_Asked] = deque()
        self._outgoing: list[bytes] = []
        self._heard_at = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait."""
        self.is_open = False
        error = RedisConnectionError(f"the line to Redis was cut: {exc!r}")
        waiting, self._waiting, self._outgoing = self._waiting, deque(), []
        for each in waiting:
            if each.answer is not None and not each.answer.done():
                each.answer.set_exception(error)
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        """Hand out answers."""
        self._heard_at = self._loop.time()
        self._reader.feed(data)
        while (found := self._reader.gets()) is not False:
            self._take(found)

    def _take(self, found: Any) -> None:
        asked = self._waiting.popleft()
        if isinstance(found, hiredis.ReplyError):
            if asked.script is not None and str(found).startswith("NOSCRIPT"):
                self.send(asked.script.in_full(asked.call), asked.answer)
                return
            found = ResponseError(str(found))
        answer = asked.answer
        if answer is None or answer.done():
            return
        if isinstance(found, ResponseError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask(self, call: bytes, script: Script | None = None) -> "asyncio.Future[Any]":
        """Send a command; its answer comes with the future."""
        answer = self._loop.create_future()
        self.send(call, answer, script)
        return answer

    def send(
        self,
        call: bytes,
        answer: "asyncio.Future[Any] | None" = None,
        script: Script | None = None,
    ) -> None:
        """Send a command, together with all others of this turn of the loop."""
        self._waiting.append(_Asked(self._loop.time(), call, answer, script))
        if not self._outgoing:
            # What is asked before the loop comes round goes out with it.
            self._loop.call_soon(self._write)
        self._outgoing.append(call)
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience, self._look)

    def _write(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and self.is_open:
            self._transport.write(b"".join(outgoing))

    def _look(self) -> None:
        """Look for what waits for too long; on a busy loop its answer may lie there unread."""
        self._watch = self._loop.call_later(TURN, self._judge, self._loop.time())

    def _judge(self, now: float) -> None:
        """Give up what waits for too long, and the line when nothing at all is heard on it."""
        self._watch = None
        late = [each for each in self._waiting if each.at + self._patience <= now]
        for each in late:
            if each.answer is not None and not each.answer.done():
                each.answer.set_exception(TimeoutError("Redis did not answer in time"))
        if late and self._heard_at + self._patience <= now:
            self.close()
        elif self._waiting:
            first = next((each.at for each in self._waiting if each.at + self._patience > now), now)
            self._watch = self._loop.call_at(first + self._patience, self._look)

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


async def _connect(pool: ConnectionPool, patience: float) -> _Wire:
    """Return a connection to where the pool's own would go."""
    loop, facts = asyncio.get_running_loop(), pool.connection_kwargs
    wire = _Wire(patience)
    if "path" in facts:
        await loop.create_unix_connection(lambda: wire, facts["path"])
    else:
        made = pool.connection_class(**facts)
        context = made.ssl_context.get() if isinstance(made, SSLConnection) else None
        host, port = facts.get("host", "localhost"), facts.get("port", 6379)
        await loop.create_connection(lambda: wire, host, port, ssl=context)
    return wire


def _call(*words: Word) -> bytes:
    """Return a plain command."""
    return b"*%d\r\n" % len(words) + written(*words)


def _greeting(facts: dict[str, Any]) -> Iterator[tuple[Word, ...]]:
    """Yield the commands that sign in and choose the database."""
    if facts.get("password"):
        yield ("AUTH", *filter(None, (facts.get("username"), facts["password"])))
    if facts.get("db"):
        yield "SELECT", facts["db"]
