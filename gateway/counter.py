"""Asks the process that counts tokens; begun when it is first needed, ended when nobody needs it.

Whoever asks waits a moment and not longer, and goes on without an answer: nothing of a call depends
on it.
"""

import asyncio
import itertools
import json
import logging
import socket
import subprocess
import time
from typing import Any

from files import kept
from marketplace.tokenizing import wire

logger = logging.getLogger(__name__)

#: So long an answer is waited for; the first of a tokenizer takes the reading of its file.
PATIENCE = 2.0
#: A process that has said nothing for so long to who waits is ended.
HANGS = 15.0
#: A tokenizer that failed is left alone for so long.
REST = 60.0
#: The process is ended when nobody has asked for so long.
IDLE = 600.0
#: More texts, in letters, and more questions at once, are not asked: bytes do.
LARGEST = 1_000_000
MOST_WAITING = 16


class Counter:
    """The one process of this gateway that counts; none until a model with a tokenizer needs it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        #: Whose tokenizer each of the open questions is about.
        self._waiting: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._numbers = itertools.count()
        self._starting = asyncio.Lock()
        self._resting: dict[str, float] = {}
        self._heard_at = 0.0
        self._asked_at = 0.0

    async def count(self, sha256: str, texts: list[str]) -> list[int] | None:
        """Return the tokens of each text; nothing where that cannot be told in time."""
        now = time.monotonic()
        if self._resting.get(sha256, 0) > now or sum(map(len, texts)) > LARGEST:
            return None
        if len(self._waiting) >= MOST_WAITING:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._ask(sha256, texts)
        except TimeoutError:
            return None
        except (OSError, EOFError, ValueError) as error:
            answer = {"error": repr(error)}
        if "error" in answer:
            self._rest(sha256, answer["error"])
            return None
        counts: list[int] = answer["counts"]
        return counts

    async def _ask(self, sha256: str, texts: list[str]) -> dict[str, Any]:
        path = await asyncio.to_thread(kept.path_of, wire.KIND, sha256)
        number = next(self._numbers)
        question = {"id": number, "path": str(path), "sha256": sha256, "texts": texts}
        data = wire.frame(question)
        writer = await self._begun()
        self._asked_at = time.monotonic()
        if not self._waiting:
            self._heard_at = self._asked_at
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        # Whoever gives up stays among them until the process is done with the question.
        self._waiting[number] = sha256, answer
        writer.write(data)
        return await answer

    async def _begun(self) -> asyncio.StreamWriter:
        async with self._starting:
            if self._writer is None:
                self._writer = await self._begin()
            return self._writer

    async def _begin(self) -> asyncio.StreamWriter:
        ours, theirs = socket.socketpair()
        with theirs:
            # A millisecond, once. From another thread, it would end with that thread.
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program
                wire.COMMAND,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                cwd=wire.ROOT,
                env=wire.environment(),
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        self._listening = asyncio.create_task(self._listen(reader, writer))
        return writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(wire.HEAD), "big")
                answer = json.loads(await reader.readexactly(size))
                self._heard_at = time.monotonic()
                _sha256, asked = self._waiting.pop(answer["id"])
                if not asked.done():
                    asked.set_result(answer)
        except (OSError, EOFError):
            # Another may have been begun since this one was let go.
            if writer is self._writer:
                self._end("the process that counts has ended")

    def _rest(self, sha256: str, why: str) -> None:
        logger.warning("tokenizer %s is left alone for a while: %s", sha256, why)
        self._resting[sha256] = time.monotonic() + REST

    def tidy(self) -> None:
        """End a process that nobody has asked for long, or that does not answer."""
        now = time.monotonic()
        if self._waiting and now - self._heard_at > HANGS:
            self._end("it counts for too long")
        elif self._writer is not None and not self._waiting and now - self._asked_at > IDLE:
            self._end("")

    def _end(self, why: str) -> None:
        """Let go of the process; who still waits for it goes without, and so do those who come."""
        process, self._process = self._process, None
        writer, self._writer = self._writer, None
        waiting, self._waiting = self._waiting, {}
        # They are answered in order: the first is the one that it fell over.
        if waiting:
            self._rest(next(iter(waiting.values()))[0], why)
        for _sha256, asked in waiting.values():
            if not asked.done():
                asked.set_result({"error": why})
        if writer is not None:
            writer.close()
        if process is not None:
            process.kill()
            process.wait()

    async def close(self) -> None:
        """End for good."""
        listening, self._listening = self._listening, None
        self._end("this gateway ends")
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
