"""Pages: who may keep them, and the one place that turns a service's refusal into one."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.defaults import page_not_found

from common.errors import DomainError, NotFound


class CompressedPagesMiddleware(GZipMiddleware):
    """Compress what is whole, with a random length against guesses from how much that saved.

    A stream is left as it is: who compresses it keeps its first bytes back.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress the answer where its reader takes that and it is not written piece by piece."""
        if response.streaming:
            return response
        return super().process_response(request, response)


class PrivatePagesMiddleware:
    """Keep what is shown to somebody in particular out of every cache, the browser's own too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; an answer that says who may keep it is left as it is."""
        response = self.get_response(request)
        is_failure = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        # After a failure nobody is asked who it is: whatever could tell may be what is broken.
        if not (is_failure or response.has_header("Cache-Control")) and _is_private(request):
            patch_cache_control(response, private=True, no_store=True)
        return response


def _is_private(request: HttpRequest) -> bool:
    # The API leaves no user at all where nobody has signed in.
    someone = getattr(request.user, "is_authenticated", False)
    return someone or request.path.startswith("/api/v1/")


class DomainErrorMiddleware:
    """Show a refusal that no view turned into a form error as a page of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a refusal with its own status and sentence."""
        if not isinstance(error, DomainError):
            return None
        if type(error) is NotFound:
            return page_not_found(request, error)
        return render(request, "refused.html", {"error": error}, status=error.status)
