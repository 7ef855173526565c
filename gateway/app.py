"""The gateway's two faces: ``application`` for ``/v1`` inside the portal, ``server`` on its own.

Plain ASGI: no Django middleware and no ORM between a request and its engine.
"""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

import msgspec
import psycopg
from django.conf import settings
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from gateway import account, calls, exposition, keys, notices, policy
from gateway.core import Core
from gateway.endpoints import (
    CHAT,
    COMPLETIONS,
    COUNT,
    EMBEDDINGS,
    MESSAGES,
    RERANK,
    RESPONSES,
    Endpoint,
)
from gateway.errors import (
    BooksAway,
    ClientGone,
    GatewayError,
    Internal,
    MethodNotAllowed,
    NotFound,
    Unavailable,
)
from gateway.exchange import Exchange, Message, Receive, Send
from gateway.keys import Caller

logger = logging.getLogger(__name__)

#: How long running requests may take to end once the process is asked to stop.
GRACE = 30.0
INFERENCE = "inference"
ENDPOINTS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": COUNT,
    "/v1/rerank": RERANK,
    "/v1/responses": RESPONSES,
}


class Gateway:
    """An ASGI application that starts its core with the first request or the lifespan."""

    def __init__(self, *, own_port: bool) -> None:
        self._own_port = own_port
        self._core: Core | None = None
        self._starting = asyncio.Lock()
        self._running = 0
        #: Set with the end of the last request, once somebody waits for it.
        self._idle: asyncio.Event | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one exchange, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self.serve(Exchange(scope, receive, send))

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        self._running += 1
        try:
            await self._serve(exchange)
        finally:
            self._running -= 1
            if self._idle is not None and not self._running:
                self._idle.set()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def start(self) -> Core:
        """Return the core, started once."""
        if self._core is None:
            async with self._starting:
                if self._core is None:
                    core = Core(Path(settings.STATE_DIR) / "journal")
                    await core.start()
                    self._core = core
        return self._core

    def drain(self) -> None:
        """Be ready for no further request."""
        if self._core is not None:
            self._core.draining = True

    async def stop(self) -> None:
        """Let running requests end, then close the books."""
        if self._core is None:
            return
        self.drain()
        if self._running:
            self._idle = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), GRACE)
        core, self._core = self._core, None
        await core.stop()

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._answer(exchange)
        except GatewayError as error:
            await exchange.refuse(error)
        except ClientGone:
            pass
        except asyncio.CancelledError:
            if not exchange.gone:
                await exchange.refuse(Unavailable("This gateway had to stop. Try again."))
                raise
        except (psycopg.Error, PoolTimeout, DatabaseError, TimeoutError) as error:
            logger.warning("request %s refused: %r", exchange.id, error)
            await exchange.refuse(BooksAway())
        except Exception:
            logger.exception("request %s failed", exchange.id)
            await exchange.refuse(Internal(f"The gateway failed. Tell support {exchange.id}."))
        finally:
            exchange.unwatch()

    async def _answer(self, exchange: Exchange) -> None:
        core = self._core or await self.start()
        if self._own_port and exchange.path in OPERATORS:
            await OPERATORS[exchange.path](core, exchange)
            return
        endpoint = ENDPOINTS.get(exchange.path)
        key = _key(exchange, endpoint)
        # Nobody without a key makes us hold a body.
        found = core.keys.remembered(key) or await core.keys.find(key)
        caller = keys.check(found, exchange.address)
        exchange.caller = caller
        if endpoint is None:
            await account.answer(core, exchange, caller)
            return
        _need(exchange, "POST")
        keys.need(caller, INFERENCE)
        exchange.check_body()
        await _infer(core, exchange, caller, endpoint)


def _key(exchange: Exchange, endpoint: Endpoint | None) -> str:
    """Return the key that came, once it is settled how this endpoint refuses."""
    if endpoint is None:
        return keys.sent(exchange.headers)
    exchange.envelope = endpoint.envelope
    if endpoint.is_anthropics:
        exchange.notes["request-id"] = exchange.id
    return keys.sent(exchange.headers, by_api_key=endpoint.is_anthropics)


async def _infer(core: Core, exchange: Exchange, caller: Caller, endpoint: Endpoint) -> None:
    body = calls.decode(await exchange.body())
    level = policy.level(caller, exchange.headers)
    name = calls.text(body, "model")
    offer = core.offers.at_once(caller, name, level) or await core.offers.named(caller, name, level)
    if offer.deprecated_at is not None:
        exchange.notes.update(notices.of(offer))
    serve = core.inference.count if endpoint is COUNT else core.inference.serve
    await serve(exchange, endpoint, caller, offer, body)


async def _health(core: Core, exchange: Exchange) -> None:
    if exchange.path == "/healthz":
        await exchange.answer(200, b'{"status":"ok"}')
        return
    parts = await core.parts()
    ready = not core.draining and parts["database"] == "ok" and not core.recorder.is_full
    facts = {"status": "ready" if ready else "not ready", **parts, "waiting": core.recorder.waiting}
    await exchange.answer(200 if ready else 503, msgspec.json.encode(facts))


async def _metrics(core: Core, exchange: Exchange) -> None:
    if not exposition.may_read(exchange.headers, exchange.address, settings.METRICS_TOKEN):
        raise NotFound("Metrics are for this host, or for whoever has METRICS_TOKEN.")
    body = exposition.text(core)
    await exchange.start(200, exposition.MEDIA, {"content-length": str(len(body))})
    await exchange.write(body, more=False)


#: For the operator, on the gateway's own port alone.
OPERATORS = {"/healthz": _health, "/readyz": _health, "/metrics": _metrics}


def _need(exchange: Exchange, method: str) -> None:
    if exchange.method != method:
        raise MethodNotAllowed(
            f"{exchange.method} is not for {exchange.path}; use {method}.",
            headers={"allow": method},
        )


#: Mounted by the portal's entry for /v1.
application = Gateway(own_port=False)
#: What `manage.py gateway` serves.
server = Gateway(own_port=True)
