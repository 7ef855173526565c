"""Views we did not write show a refused form again; programs are told that it was refused."""

from collections.abc import Callable

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


class InvalidFormMiddleware:
    """Answer 422 where a view shows a form with mistakes as if all were well."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_template_response(
        self, request: HttpRequest, response: TemplateResponse
    ) -> TemplateResponse:
        """Look for mistakes in what the template is given."""
        facts = (response.context_data or {}).values()
        if response.status_code == 200 and any(
            isinstance(it, BaseForm) and it.is_bound and it.errors for it in facts
        ):
            response.status_code = 422
        return response
