"""One template per page; htmx gets the part of it that it asked for."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the page, or only its partial when htmx asks; caches are told the difference."""
    asked_by_htmx = bool(getattr(request, "htmx", False)) and partial
    name = f"{template}#{partial}" if asked_by_htmx else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response
