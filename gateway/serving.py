"""The gateway on a port of its own: listening, draining and ending of one process."""

import asyncio
import gc
import os
import signal
import socket
from contextlib import suppress

from gateway.app import Gateway
from gateway.http1 import Connection, Host
from gateway.proxies import Proxies

BACKLOG = 2048
TICK = 1.0
#: Objects that a request makes are freed as it ends; cycles are rare and may wait a little.
COLLECT_AFTER = 20_000
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
    await gateway.start()
    _spare_the_collector()
    host = Host(gateway.serve, Proxies(os.environ.get("FORWARDED_ALLOW_IPS", TRUSTED)))
    server = await loop.create_server(lambda: Connection(host), sock=listening, backlog=BACKLOG)
    ticking = loop.create_task(_tick(host))
    await stop.wait()
    gateway.drain()
    await asyncio.sleep(notice)
    server.close()
    host.drain()
    await _end(host, grace)
    ticking.cancel()
    await gateway.stop()


def _spare_the_collector() -> None:
    """Leave out of every later collection what was imported: it lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)


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
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*host.tasks, return_exceptions=True)
