"""The page about ``/v1``, for whoever writes programs against it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace import showcase, snippets
from marketplace.models import Kind
from portal import reference


@require_safe
def api_reference(request: HttpRequest) -> HttpResponse:
    """Say how ``/v1`` is called, what it refuses, and what it bills."""
    base_url = f"{settings.PUBLIC_URL}/v1"
    context = {
        "base_url": base_url,
        "snippets": _first_call(base_url),
        "groups": reference.GROUPS,
        "headers": reference.HEADERS,
        "refusals": reference.REFUSALS,
        "envelope": reference.ENVELOPE,
        "stream": reference.STREAM,
        "nav_section": "reference",
    }
    return render(request, "reference/page.html", context)


def _first_call(base_url: str) -> list[snippets.Snippet]:
    """Return a call of a chat model where one is on sale, else of any model."""
    offers = sorted(showcase.offers(), key=lambda entry: entry.model.kind != Kind.CHAT)
    if not offers:
        return []
    return snippets.for_model(offers[0].model.kind, offers[0].api_name, base_url)
