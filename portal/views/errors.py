"""Pages for what goes wrong. Programs that speak to the management API get JSON instead."""

import sys
from collections.abc import Callable
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from redis.exceptions import ConnectionError as RedisAway

from front import face

API = "/api/"
#: What stands behind us is not there: not our mistake, and soon over.
AWAY = (OperationalError, InterfaceError, RedisAway)
#: In seconds: when to try again.
SOON = 30


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the request could not be read; nothing of it is looked at again."""
    return _plain(request, 400, "invalid_request", "This request could not be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the role does not allow this."""
    if request.path.startswith(API):
        return _json(403, "permission_denied", "Your role does not allow this.")
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing here, or nothing for this person."""
    if request.path.startswith(API):
        return _json(404, "not_found", "This does not exist.")
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something broke, or that a part is away for a moment."""
    if isinstance(sys.exc_info()[1], AWAY):
        response = _plain(request, 503, "unavailable", "A part of the service is away.")
        response.headers["Retry-After"] = str(SOON)
        return response
    return _plain(request, 500, "internal_error", "Something broke on our side.")


class NotAllowedMiddleware:
    """Give the bare 405 of a view's method guard a page that people can read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, and fill an empty refusal."""
        response = self.get_response(request)
        if response.status_code != 405 or response.streaming or response.content:
            return response
        if request.path.startswith(API) or not request.accepts("text/html"):
            return response
        page = render(request, "405.html", status=405)
        page.headers["Allow"] = response.headers["Allow"]
        return page


def _plain(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    """Answer without asking who it is: whatever could tell may be what is broken."""
    if request.path.startswith(API):
        return _json(status, code, detail)
    context: dict[str, Any] = {
        "operator": face.known(),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    return HttpResponse(render_to_string(f"{status}.html", context), status=status)


def _json(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status)
