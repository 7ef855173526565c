"""``/_test/…``: what no real Stripe offers, for tests and demonstrations; needs the API key too."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from billing.payments.loopback import api, rendering, requests
from billing.payments.loopback.control import account, payments, webhooks
from billing.payments.loopback.control.arguments import Arguments
from billing.payments.loopback.errors import ApiError
from billing.payments.loopback.idempotency import Reply
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Object

Command = Callable[..., Object]

TABLE: tuple[tuple[str, str, Command], ...] = (
    ("GET", "/state", account.state),
    ("POST", "/reset", account.reset),
    ("POST", "/faults", account.add_fault),
    ("DELETE", "/faults", account.clear_faults),
    ("GET", "/webhooks", webhooks.show),
    ("POST", "/webhooks", webhooks.configure),
    ("POST", "/webhooks/release", webhooks.release),
    ("POST", "/webhooks/resend", webhooks.resend),
    ("POST", "/webhooks/flush", webhooks.flush),
    ("GET", "/deliveries", webhooks.deliveries),
    ("POST", "/events", payments.send_event),
    ("POST", "/checkout/sessions/{session}/pay", payments.pay_session),
    ("POST", "/checkout/sessions/{session}/expire", payments.expire_session),
    ("POST", "/checkout/sessions/{session}/settle", payments.settle_session),
    ("POST", "/payment_intents/{intent}/settle", payments.settle_payment),
    ("POST", "/payment_intents/{intent}/authenticate", payments.authenticate),
    ("POST", "/setup_intents/{intent}/authenticate", payments.authenticate),
    ("POST", "/disputes", payments.open_dispute),
    ("POST", "/disputes/{dispute}/escalate", payments.escalate_dispute),
    ("POST", "/disputes/{dispute}/close", payments.close_dispute),
    ("POST", "/refunds/{refund}/fail", payments.fail_refund),
)


def control_routes(service: Service) -> list[BaseRoute]:
    """Return the routes of the control API."""
    return [
        Route("/_test" + path, _endpoint(service, command), methods=[method])
        for method, path, command in TABLE
    ]


def _endpoint(service: Service, command: Command) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            requests.authenticate(request.headers.get("authorization"), service.options.api_key)
            body = await requests.read_body(request)
            if request.method == "GET":
                body = json.dumps(dict(request.query_params)).encode()
            reply = await run_in_threadpool(_run, service, command, body, request.path_params)
        except ApiError as error:
            reply = api.reply_of(error)
        return Response(reply.body, reply.status, media_type="application/json")

    return endpoint


def _run(service: Service, command: Command, body: bytes, path: dict[str, Any]) -> Reply:
    arguments = Arguments(body)
    with service.store.transaction():
        result = command(service, arguments, **path)
        arguments.finish()
    return Reply(200, json.dumps(rendering.public(result), indent=2))
