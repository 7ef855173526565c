"""The one gate to tenant pages: who is asking, for which organization, and may they."""

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.middleware import HtmxDetails

from common.database import service
from tenants import client, supporting
from tenants.models import Membership, Organization, Permission, User
from tenants.scope import scope
from tenants.services import audit, support

#: The session's note of the organization whose pages were last opened.
LAST_ORGANIZATION = "organization"


class TenantRequest(HttpRequest):
    """A request whose organization and membership are settled."""

    organization: Organization
    membership: Membership
    user: User
    htmx: HtmxDetails


class StaffRequest(HttpRequest):
    """A request by a member of the operator's staff who proved a second factor."""

    user: User
    htmx: HtmxDetails


def membership_of(user: User, slug: str) -> Membership | None:
    """Return the person's membership in the organization at this address, if there is one."""
    with service():
        return (
            Membership.objects.select_related("organization")
            .filter(user=user, organization__slug=slug)
            .first()
        )


class TenantMiddleware:
    """Settle the organization of every address that names one, before its view runs.

    To a stranger the organization does not exist (404); somebody who has not signed in is asked
    to. A tenant view that names no permission is a mistake and fails loudly.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; what it changes is audited with its address."""
        with audit.coming_from(lambda: client.address(request)):
            return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        """Put organization and membership on the request and take ``org`` from the arguments."""
        match = request.resolver_match
        if match is None or "org" not in kwargs or match.route.startswith("api/"):
            return None
        if not hasattr(view, "permission"):
            raise RuntimeError(f"{match.view_name} names no permission")
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        slug = kwargs.pop("org")
        membership = membership_of(request.user, slug)
        if membership is None:
            _let_support_in(request, slug, match.view_name)
            return None
        request.membership = membership  # type: ignore[attr-defined]
        request.organization = membership.organization  # type: ignore[attr-defined]
        if request.session.get(LAST_ORGANIZATION) != membership.organization.slug:
            request.session[LAST_ORGANIZATION] = membership.organization.slug
        return None


def _let_support_in(request: HttpRequest, slug: str, page: str) -> None:
    """Let in whoever of the staff reads these pages by an open access; to others they do not exist.

    Everything but looking is refused here, for all pages at once; both are noted in the customer's
    own log before anything else happens.
    """
    supporter = supporting.supporter_of(request, slug) if proved_second_factor(request) else None
    if supporter is None:
        # What is over is no longer said to be open.
        supporting.leave(request, slug)
        raise Http404
    if not supporter.opens(request.method, page):
        support.seen(supporter.access, path=_asked(request), action="support.refused")
        raise PermissionDenied
    support.seen(supporter.access, path=_asked(request))
    request.membership = supporter  # type: ignore[attr-defined]
    request.organization = supporter.organization  # type: ignore[attr-defined]


def _asked(request: HttpRequest) -> str:
    return f"{request.method} {request.get_full_path()}"


def requires(permission: Permission, *, scoped: bool = True) -> Callable[..., Any]:
    """Let in members whose role grants the permission; run the view in the organization's scope.

    ``scoped=False`` is for views that talk to the outside: they open short scopes themselves, so
    that no transaction waits for somebody else's server.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def gate(request: TenantRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.membership.can(permission):
                raise PermissionDenied
            if not scoped:
                return view(request, *args, **kwargs)
            with scope(request.organization):
                return view(request, *args, **kwargs)

        gate.permission = permission  # type: ignore[attr-defined]
        return gate

    return decorate


def staff_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let in the operator's staff with a second factor, as the service role; 404 for others."""
    return _staff_gate(view, scoped=True)


def staff_required_outside(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """The same gate for views that talk to the outside: they enter ``service()`` themselves.

    No transaction waits for somebody else's server.
    """
    return _staff_gate(view, scoped=False)


def _staff_gate(
    view: Callable[..., HttpResponseBase], *, scoped: bool
) -> Callable[..., HttpResponseBase]:
    @functools.wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            raise Http404
        if not proved_second_factor(request):
            return redirect_to_login(
                request.get_full_path(), login_url=resolve_url(settings.SECOND_FACTOR_URL)
            )
        if not scoped:
            return view(request, *args, **kwargs)
        with service():
            return view(request, *args, **kwargs)

    gate.is_staff_view = True  # type: ignore[attr-defined]
    return gate


def proved_second_factor(request: HttpRequest) -> bool:
    """Whether this session was opened with a passkey or a one-time code."""
    methods = request.session.get("account_authentication_methods", [])
    return any(entry.get("method") == "mfa" for entry in methods)
