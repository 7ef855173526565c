"""The API's pipeline: authenticate, claim the key, act in one transaction, answer."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from billing.payments.loopback import idempotency, ids, rendering, requests
from billing.payments.loopback.errors import (
    ApiError,
    InvalidParameter,
    NotFound,
    RateLimited,
    ServerFailure,
)
from billing.payments.loopback.events import API_VERSION
from billing.payments.loopback.faults import Fault
from billing.payments.loopback.idempotency import Reply
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.requests import Call
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Object

logger = logging.getLogger(__name__)

Handler = Callable[..., Object]


class Endpoint:
    """One address of the API, as an ASGI application."""

    def __init__(self, service: Service, handler: Handler) -> None:
        self._service = service
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a lost answer ends the connection without one."""
        request = Request(scope, receive)
        request_id = ids.new("req", 14)
        try:
            call = await requests.read(request)
            request_id = call.request_id
            fault = self._service.faults.take(call.method, call.path)
            reply = await self._act(call, fault, request.path_params)
        except ApiError as error:
            reply = reply_of(error)
        except Exception:  # one envelope for every failure, as the real API has
            logger.exception("request %s failed", request_id)
            reply = reply_of(ServerFailure("An unknown error occurred"))
        if reply is None:
            await _hang_up(send)
        else:
            await _response(reply, request_id, request)(scope, receive, send)

    async def _act(self, call: Call, fault: Fault | None, path: dict[str, Any]) -> Reply | None:
        requests.authenticate(call.authorization, self._service.options.api_key)
        kind = fault.kind if fault else None
        if kind == "error":
            raise ServerFailure("An unknown error occurred")
        if kind == "rate_limit":
            raise RateLimited("Request rate limit exceeded.", code="rate_limit")
        if kind == "lost_request":
            return None
        pause = fault.milliseconds / 1000 if fault else 0.0
        work = run_in_threadpool(answer, self._service, self._handler, call, path, pause)
        # A client that hangs up does not undo its request.
        reply = await asyncio.shield(asyncio.ensure_future(work))
        return None if kind == "lost_answer" else reply


async def _hang_up(send: Send) -> None:
    """Promise an answer and end without it, so that the server cuts the connection."""
    headers = [(b"content-length", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def answer(
    service: Service, handler: Handler, call: Call, path: dict[str, Any], pause: float = 0.0
) -> Reply:
    """Act once on a call; a repeated idempotency key gets the first answer again."""
    key = call.idempotency_key
    if key is None:
        time.sleep(pause)
        return _execute(service, handler, call, path)
    with service.store.transaction():
        first = idempotency.claim(service.store, key, call.path, call.params, call.request_id)
    if first is not None:
        return first
    try:
        time.sleep(pause)
        return _execute(service, handler, call, path)
    finally:
        with service.store.transaction():
            idempotency.release(service.store, key)


def _execute(service: Service, handler: Handler, call: Call, path: dict[str, Any]) -> Reply:
    store = service.store
    with store.transaction():
        remembered = True
        try:
            with store.attempt():
                reply = _run(service, handler, call, path)
        except ApiError as error:
            reply, remembered = reply_of(error), error.remembered
        if call.idempotency_key is not None and remembered:
            idempotency.remember(store, call.idempotency_key, reply)
    return reply


def _run(service: Service, handler: Handler, call: Call, path: dict[str, Any]) -> Reply:
    params = Parameters(call.params)
    expand = params.texts("expand")
    context = service.context_of(call.request_id, call.idempotency_key)
    result = handler(context, params, **path)
    params.finish()
    expanded = rendering.expand(service.store, result, expand)
    return Reply(200, json.dumps(rendering.public(expanded), indent=2))


def reply_of(error: ApiError) -> Reply:
    """Return Stripe's error envelope."""
    return Reply(error.status, json.dumps({"error": error.body()}, indent=2))


async def unknown(request: Request) -> Response:
    """Refuse an address the API does not have."""
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    error = InvalidParameter(message)
    error.status = NotFound("url", "").status
    return _response(reply_of(error), ids.new("req", 14), request)


def _response(reply: Reply, request_id: str, request: Request) -> Response:
    headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION, "Cache-Control": "no-store"}
    if key := request.headers.get("idempotency-key"):
        headers["Idempotency-Key"] = key.encode("ascii", "replace").decode()
    return Response(
        reply.body, reply.status, headers | reply.headers, media_type="application/json"
    )
