"""What `PORT` serves: the pages, and the gateway's `/v1` beside them."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Django must be set up before anything of ours that reads its settings is imported.
pages = get_asgi_application()

from gateway.app import application as gateway  # noqa: E402


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> None:
    """Hand `/v1` and the process's life to the gateway, everything else to Django."""
    if scope["type"] == "lifespan" or scope["path"].startswith("/v1/"):
        await gateway(scope, receive, send)
    else:
        await pages(scope, receive, send)
