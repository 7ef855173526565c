"""Services: the public list and page of each, and what an organization enables of them."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common.errors import DomainError
from common.htmx import render_page
from marketplace import applications, cards, readers, showcase
from marketplace.applications import Listed
from marketplace.forms.applications import ServiceFilterForm
from marketplace.models import Application
from marketplace.services import enabling
from marketplace.showcase import PricedOffer
from tenants.access import LAST_ORGANIZATION, TenantRequest, requires
from tenants.models import Permission, User
from tenants.queries import memberships_of

SECTION = "services"


@require_safe
def service_list(request: HttpRequest) -> HttpResponse:
    """List the services on offer; the filters stand in the address and work without scripts."""
    entries = applications.seen(readers.listings_seen_by(readers.of(request)))
    form = ServiceFilterForm(request.GET, entries=entries)
    context = {
        "form": form,
        "entries": form.fitting(entries),
        "total": len(entries),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "nav_section": SECTION,
    }
    return render_page(request, "marketplace/service_list.html", context, partial="service-cards")


@require_safe
def service_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one service: what it does, what it uses, what that costs, and its conditions."""
    entry = _seen(request, slug)
    context = {**page_of(entry), "enable_url": _enable_url(request, slug), "nav_section": SECTION}
    return render(request, "marketplace/service_detail.html", context)


def page_of(entry: Listed[PricedOffer]) -> dict[str, Any]:
    """Return what pages show of a service."""
    application = entry.application
    return {
        "entry": entry,
        "application": application,
        "offers": entry.offers,
        "description": cards.blocks(application.said_description.text),
        "terms": cards.blocks(application.terms),
    }


def _seen(request: HttpRequest, slug: str) -> Listed[PricedOffer]:
    for entry in applications.seen(readers.offers_seen_by(readers.of(request))):
        if entry.application.slug == slug:
            return entry
    raise Http404


def _enable_url(request: HttpRequest, slug: str) -> str:
    """Return where the reader enables it: in the organization last opened, or the first."""
    if not isinstance(request.user, User):
        return ""
    slugs = [it.organization.slug for it in memberships_of(request.user)]
    if not slugs:
        return ""
    last = request.session.get(LAST_ORGANIZATION)
    return reverse("marketplace:service", args=[last if last in slugs else slugs[0], slug])


@require_safe
@requires(Permission.DASHBOARD_READ)
def enabled_list(request: TenantRequest) -> HttpResponse:
    """List what the organization has enabled, and what else there is."""
    enabled = applications.enabled_by(request.organization)
    has = {it.application_id for it in enabled}
    entries = applications.seen(showcase.offers_seen_by(request.organization))
    context = {
        "enabled": enabled,
        "entries": [it for it in entries if it.application.pk not in has],
        "nav_section": SECTION,
    }
    return render(request, "marketplace/enabled_list.html", context)


@require_safe
@requires(Permission.DASHBOARD_READ)
def service_page(request: TenantRequest, slug: str) -> HttpResponse:
    """Show how the organization stands with a service, and how its members reach it."""
    return render(request, "marketplace/enabled_service.html", _standing(request, slug))


def _standing(request: TenantRequest, slug: str) -> dict[str, Any]:
    entries = applications.seen(showcase.offers_seen_by(request.organization))
    entry = next((it for it in entries if it.application.slug == slug), None)
    if entry is None:
        # What is enabled keeps its page, whatever became of the service or its models.
        for it in applications.enabled_by(request.organization):
            if it.application.slug == slug:
                entry = Listed(applications.all_applications().get(pk=it.application_id), [])
    if entry is None:
        raise Http404
    url = reverse("marketplace:enabled-list", args=[request.organization.slug])
    return {
        **page_of(entry),
        "standing": applications.standing(request.organization, entry.application),
        "may_manage": request.membership.can(Permission.KEYS_MANAGE),
        "base_url": f"{settings.PUBLIC_URL}/v1",
        "crumbs": [(_("Services"), url)],
        "nav_section": SECTION,
    }


def _application(request: TenantRequest, slug: str) -> Application:
    found: Application = _standing(request, slug)["application"]
    return found


@require_POST
@never_cache
@requires(Permission.KEYS_MANAGE)
def service_enable(request: TenantRequest, slug: str) -> HttpResponse:
    """Enable a service, and show its key this once."""
    application = _application(request, slug)
    terms = request.POST.get("terms", "")
    try:
        minted = enabling.enable(request.organization, application, terms=terms, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
        return redirect("marketplace:service", org=request.organization.slug, slug=slug)
    context = {**_standing(request, slug), "minted": minted}
    return render(request, "marketplace/service_enabled.html", context, status=201)


@require_POST
@requires(Permission.KEYS_MANAGE)
def service_disable(request: TenantRequest, slug: str) -> HttpResponse:
    """Disable a service: its key opens the door no more."""
    application = _application(request, slug)
    try:
        enabling.disable(request.organization, application, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("The service is disabled, and its key is revoked."))
    return redirect("marketplace:service", org=request.organization.slug, slug=slug)
