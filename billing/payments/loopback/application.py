"""The ASGI application: API, pages and control over one account, with its two loops."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from billing.payments.loopback import api, idempotency
from billing.payments.loopback.control.routes import control_routes
from billing.payments.loopback.options import Options
from billing.payments.loopback.pages.html import FOLDER
from billing.payments.loopback.pages.views import Pages
from billing.payments.loopback.resources import webhook_endpoints
from billing.payments.loopback.routes import api_routes
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Store
from billing.payments.loopback.timers import Timers
from billing.payments.loopback.webhooks.delivery import Deliverer

logger = logging.getLogger(__name__)


def build(options: Options) -> Starlette:
    """Open the state folder and return the application over it."""
    service = Service(Store(options.state), options)
    with service.store.transaction():
        idempotency.release_all(service.store)
        webhook_endpoints.register_command_line(service.context())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        deliverer, timers = Deliverer(service.store, options), Timers(service.context())
        deliverer.start()
        timers.start()
        logger.info("loopback Stripe on %s: simulated, no real money", options.public_url)
        yield
        timers.stop()
        deliverer.stop()
        service.store.close()

    routes = [*_page_routes(service), *api_routes(service), *control_routes(service)]
    handlers = {404: _unknown, 405: _unknown}
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)


def _page_routes(service: Service) -> list[BaseRoute]:
    pages = Pages(service)
    return [
        Route("/healthz", _healthy),
        Route("/assets/{name}", _asset),
        Route("/c/pay/{id}", pages.checkout, methods=["GET"]),
        Route("/c/pay/{id}", pages.pay, methods=["POST"]),
        Route("/3ds/{id}", pages.challenge, methods=["GET"]),
        Route("/3ds/{id}", pages.answer, methods=["POST"]),
    ]


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok", "simulated": True})


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in {"checkout.css", "icon.svg"}:
        return await api.unknown(request)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=300"}
    return FileResponse(Path(FOLDER) / name, headers=headers)


async def _unknown(request: Request, error: Exception) -> Response:
    return await api.unknown(request)
