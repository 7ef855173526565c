"""What `PORT` serves: the pages, and the gateway's `/v1` beside them."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Django must be set up before anything of ours that reads its settings is imported.
pages = get_asgi_application()

from django.core.checks.urls import check_url_config  # noqa: E402

from common import collector  # noqa: E402
from gateway.app import application as gateway  # noqa: E402
from portal.bodies import Bodies  # noqa: E402

bounded_pages = Bodies(pages)
#: What below `/v1` is Django's: rare, and large.
DJANGO = ("/v1/batches", "/v1/files", "/v1/fine_tuning", "/v1/uploads")


def is_gateways(path: str, method: str = "GET") -> bool:
    """Tell whether the gateway answers this path; retiring a model is rare, and Django's too."""
    is_djangos = any(path == each or path.startswith(f"{each}/") for each in DJANGO)
    retires = method == "DELETE" and path.startswith("/v1/models/")
    return path.startswith("/v1/") and not is_djangos and not retires


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> None:
    """Hand inference and the process's life to the gateway, everything else to Django."""
    if scope["type"] == "lifespan":
        await gateway(scope, receive, _spared(send))
    elif is_gateways(scope["path"], scope.get("method", "")):
        await gateway(scope, receive, send)
    else:
        await bounded_pages(scope, receive, send)


def _spared(
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> Callable[[Mapping[str, Any]], Awaitable[None]]:
    """Load all pages before the first is asked for, and have the collector pass over them."""

    async def spared(message: Mapping[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            check_url_config(None)
            collector.spare()
        await send(message)

    return spared
