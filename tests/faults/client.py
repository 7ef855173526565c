"""Clients that write down what they receive, byte by byte and whatever happens to them.

``python -m tests.faults.client`` takes an :class:`Order` as JSON and calls until all of it is done.
Each lane has a key of its own and one call at a time, so that an event whose request id nobody was
told belongs to exactly one call.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

import msgspec

from tests.faults import plan, shapes
from tests.faults.journals import Call, Customer

#: What a client waits with before it tries a gateway that it could not reach, or that refused.
PAUSE = 0.1
LINE = 64 * 1024


class Order(msgspec.Struct):
    """What one client process has to do."""

    seed: int
    name: str
    ports: list[int]
    customers: list[Customer]
    calls: int
    journal: str


class Left(Exception):
    """The client goes away here."""


class Wire:
    """One connection, read up to the byte where the client goes away."""

    def __init__(self, reader, writer, leaves_after):
        self.reader, self.writer = reader, writer
        self.left = leaves_after
        self.waiting = b""

    async def more(self):
        """Return what came next; nothing at the end."""
        if self.left is not None and self.left <= 0:
            raise Left
        size = LINE if self.left is None else min(LINE, self.left)
        async with asyncio.timeout(plan.PATIENCE):
            data = await self.reader.read(size)
        if self.left is not None:
            self.left -= len(data)
        return data

    async def until(self, mark):
        """Return what comes up to the mark, None when the connection ends before."""
        while (end := self.waiting.find(mark)) < 0:
            data = await self.more()
            if not data:
                return None
            self.waiting += data
        found, self.waiting = self.waiting[:end], self.waiting[end + len(mark) :]
        return found

    async def exactly(self, size):
        """Return so many bytes, None when the connection ends before."""
        while len(self.waiting) < size:
            data = await self.more()
            if not data:
                return None
            self.waiting += data
        found, self.waiting = self.waiting[:size], self.waiting[size:]
        return found


def request(script, customer):
    """Return the bytes of a call."""
    data = msgspec.json.encode(shapes.body(script, customer))
    key = "x-api-key: " if script.kind == "messages" else "authorization: Bearer "
    head = (
        f"POST {shapes.PATHS[script.kind]} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        f"{key}{customer.key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def connect(ports, dice):
    """Return a connection to a gateway that takes one, and its port."""
    while True:
        port = dice.choice(ports)
        try:
            return port, *await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(PAUSE)


async def call(script, customer, ports, dice):
    """Make one call; return what came of it."""
    port, reader, writer = await connect(ports, dice)
    seen = Call(
        call=script.call,
        act=script.act,
        kind=script.kind,
        stream=script.stream,
        key_id=customer.key_id,
        is_rich=customer.is_rich,
        port=port,
        started=time.time(),
    )
    wire = Wire(reader, writer, script.leaves_after)
    try:
        writer.write(request(script, customer))
        await writer.drain()
        seen.end = await receive(wire, seen)
    except (Left, TimeoutError):
        seen.end = "left"
    except OSError:
        seen.end = "cut"
    finally:
        seen.ended = time.time()
        writer.transport.abort()
    return seen


async def receive(wire, seen):
    """Read an answer; return how it ended."""
    head = await wire.until(b"\r\n\r\n")
    if head is None:
        return "cut"
    seen.status = int(head[9:12])
    headers = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    seen.request_id = headers.get("x-request-id", "")
    if "content-length" in headers:
        data = await wire.exactly(int(headers["content-length"]))
        if data is None:
            return "cut"
        return read_whole(data, seen)
    return await read_stream(wire, seen)


def read_whole(data, seen):
    """Take in a whole answer or a refusal."""
    answer = msgspec.json.decode(data)
    if seen.status != 200:
        seen.code = shapes.code_of(answer["error"])
        return "refused"
    shapes.read(answer, seen)
    return "complete"


async def read_stream(wire, seen):
    """Take in a stream, chunk by chunk."""
    text = b""
    while True:
        size = await wire.until(b"\r\n")
        if size is None:
            return "cut"
        data = await wire.exactly(int(size, 16) + 2)
        if data is None:
            return "cut"
        if size == b"0":
            return "complete" if seen.is_done else "told"
        *events, text = (text + data[:-2]).split(b"\n\n")
        for event in events:
            shapes.read_event(event, seen)


async def lane(order, customer, number, journal, stopping):
    """Call one after the other, until all is done or somebody asks for the end."""
    for place in range(number, order.calls, len(order.customers)):
        if stopping.is_set():
            return
        name = f"{order.name}-{place}"
        dice = random.Random(f"{order.seed} {name}")
        seen = await call(plan.script(name, dice), customer, order.ports, dice)
        os.write(journal, msgspec.json.encode(seen) + b"\n")
        if not seen.request_id or seen.end == "refused":
            await asyncio.sleep(PAUSE)


async def work(order):
    """Run all lanes of this process; at SIGTERM calls under way end, and no more are begun."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    journal = os.open(Path(order.journal), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    await asyncio.gather(
        *(
            lane(order, customer, each, journal, stopping)
            for each, customer in enumerate(order.customers)
        )
    )


if __name__ == "__main__":
    asyncio.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Order)))
