"""The gateway on a port of its own: listening, draining and ending of one process."""

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from common import collector
from gateway.app import Gateway
from gateway.http1 import Connection, Host
from gateway.proxies import Proxies
from gateway.watching import LOG

logger = logging.getLogger(__name__)

BACKLOG = 2048
TICK = 1.0
#: So long, beyond the grace time, cut answers have to end and then the books to close.
CLOSING = 3.0
LAST_WORDS = 0.5
#: How a process ends whose books its successor must close.
UNFINISHED = 1
#: A thread that reads prices keeps the loop from going on for no longer, in seconds.
SWITCH = 0.0005
#: What uvicorn believes too when nothing is said.
TRUSTED = "127.0.0.1"


async def serve(
    gateway: Gateway, listening: socket.socket, grace: float, notice: float = 0.0
) -> None:
    """Serve until SIGTERM or SIGINT; answers under way then have ``grace`` seconds to end.

    What has not ended by then is cut off, and billed for what was delivered. Before that, for
    ``notice`` seconds, everything is served as ever and ``/readyz`` says that it will not be: so long
    whoever balances the load may need to notice.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await _begin(gateway, stop)
    collector.spare()
    _spare_the_loop()
    host = Host(gateway.serve, Proxies(os.environ.get("FORWARDED_ALLOW_IPS", TRUSTED)))
    server = await loop.create_server(lambda: Connection(host), sock=listening, backlog=BACKLOG)
    ticking = loop.create_task(_tick(host))
    await stop.wait()
    gateway.drain()
    await asyncio.sleep(notice)
    ends_at = loop.time() + grace
    server.close()
    host.drain()
    await _end(host, grace)
    ticking.cancel()
    await _leave(gateway, max(CLOSING, ends_at - loop.time()))


async def _begin(gateway: Gateway, stop: asyncio.Event) -> None:
    """Start, or end at once when we are asked to before that is done: nothing was delivered."""
    asked = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(gateway.start())
    await asyncio.wait({asked, starting}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not starting.done():
        _vanish("asked to end before the start was over")
    await starting


async def _leave(gateway: Gateway, seconds: float) -> None:
    """Close the books, or leave them to the journal when PostgreSQL does not let us in time."""
    closing = asyncio.create_task(gateway.stop())
    await asyncio.wait({closing}, timeout=seconds)
    if not closing.done():
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await LOG.flush()
        _vanish("PostgreSQL does not answer: the journal is left for whoever comes next")
    await closing


def _vanish(why: str) -> NoReturn:
    """End at once, as by ``kill -9``: a thread that waits for PostgreSQL would hold us for ever.

    All that is owed stands in the journal on disk.
    """
    logger.warning("ended without closing the books: %s", why)
    logging.shutdown()
    os._exit(UNFINISHED)


def _spare_the_loop() -> None:
    """Let other threads run in turns that no request notices."""
    sys.setswitchinterval(SWITCH)


async def _tick(host: Host) -> None:
    while True:
        await asyncio.sleep(TICK)
        host.tick()


async def _end(host: Host, grace: float) -> None:
    """Wait for the answers under way, then cut off what is left."""
    if host.tasks:
        await asyncio.wait(host.tasks, timeout=grace)
    for task in host.tasks:
        task.cancel()
    if host.tasks:
        # With commit durability they wait for PostgreSQL; their usage is in the journal by now.
        await asyncio.wait(host.tasks, timeout=CLOSING)
