"""Webhooks: the endpoints, a new one, and each one's settings and log of deliveries."""

import copy
import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants.access import TenantRequest, requires
from tenants.errors import TooManyTests
from tenants.models import Permission, WebhookEndpoint
from tenants.services import webhooks
from tenants.webhook_forms import EndpointForm

SECTION = "webhooks"
SHOWN = 50


@require_safe
@requires(Permission.SETTINGS_READ)
def webhook_list(request: TenantRequest) -> HttpResponse:
    """List the endpoints and how they stand."""
    context = {
        "endpoints": request.organization.webhook_endpoints.present(),
        "may_manage": request.membership.can(Permission.SETTINGS_MANAGE),
        "nav_section": SECTION,
    }
    return render(request, "tenants/webhook_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@requires(Permission.SETTINGS_MANAGE)
def webhook_create(request: TenantRequest) -> HttpResponse:
    """Add an endpoint and show its secret this once."""
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        endpoint = webhooks.create(request.organization, by=request.user, **form.cleaned_data)
        return _secret_page(request, endpoint, status=201)
    status = 422 if form.is_bound else 200
    context = {"form": form, "crumbs": _crumbs(request), "nav_section": SECTION}
    return render(request, "tenants/webhook_form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS_READ)
def webhook_detail(request: TenantRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Show an endpoint and its latest deliveries; whoever may changes it here."""
    endpoint = _endpoint(request, endpoint_id)
    may_manage = request.membership.can(Permission.SETTINGS_MANAGE)
    posted = request.POST if request.method == "POST" and may_manage else None
    form = EndpointForm(posted, instance=copy.copy(endpoint))
    if form.is_valid():
        webhooks.change(endpoint, by=request.user, **form.cleaned_data)
        messages.success(request, _("The endpoint is saved."))
        return _back(request, endpoint)
    deliveries = endpoint.deliveries.select_related("event").prefetch_related("attempt_rows")
    context = {
        "endpoint": endpoint,
        "deliveries": deliveries[:SHOWN],
        "form": form,
        "may_manage": may_manage,
        "crumbs": _crumbs(request),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "tenants/webhook_detail.html", context, status=status)


@require_POST
@never_cache
@requires(Permission.SETTINGS_MANAGE)
def webhook_rotate(request: TenantRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Give an endpoint a new secret and show it this once."""
    endpoint = webhooks.rotate(_endpoint(request, endpoint_id), by=request.user)
    return _secret_page(request, endpoint)


@require_POST
@requires(Permission.SETTINGS_MANAGE)
def webhook_switch(request: TenantRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Tell an endpoint nothing for now, or tell it again."""
    is_active = request.POST.get("on") == "yes"
    endpoint = _endpoint(request, endpoint_id)
    webhooks.change(endpoint, by=request.user, is_active=is_active)
    said = _("The endpoint is told again.") if is_active else _("The endpoint is switched off.")
    messages.success(request, said)
    return _back(request, endpoint)


@require_POST
@requires(Permission.SETTINGS_MANAGE)
def webhook_test(request: TenantRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Send a test to an endpoint."""
    endpoint = _endpoint(request, endpoint_id)
    try:
        webhooks.test(endpoint)
    except TooManyTests as refusal:
        messages.warning(request, str(refusal.detail))
    else:
        messages.success(request, _("A test is on its way; the log below tells how it went."))
    return _back(request, endpoint)


@require_POST
@requires(Permission.SETTINGS_MANAGE)
def webhook_remove(request: TenantRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Tell an endpoint nothing more."""
    webhooks.remove(_endpoint(request, endpoint_id), by=request.user)
    messages.success(request, _("The endpoint is removed."))
    return redirect("tenants:webhook-list", org=request.organization.slug)


@require_POST
@requires(Permission.SETTINGS_MANAGE)
def webhook_replay(
    request: TenantRequest, endpoint_id: uuid.UUID, delivery_id: uuid.UUID
) -> HttpResponse:
    """Deliver an event once more."""
    endpoint = _endpoint(request, endpoint_id)
    webhooks.replay(get_object_or_404(endpoint.deliveries, pk=delivery_id))
    messages.success(request, _("The event is on its way again, under the same id."))
    return _back(request, endpoint)


def _endpoint(request: TenantRequest, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    return get_object_or_404(request.organization.webhook_endpoints.present(), pk=endpoint_id)


def _secret_page(
    request: TenantRequest, endpoint: WebhookEndpoint, *, status: int = 200
) -> HttpResponse:
    context = {"endpoint": endpoint, "crumbs": _crumbs(request), "nav_section": SECTION}
    return render(request, "tenants/webhook_secret.html", context, status=status)


def _back(request: TenantRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    return redirect(
        "tenants:webhook-detail", org=request.organization.slug, endpoint_id=endpoint.pk
    )


def _crumbs(request: TenantRequest) -> list[tuple[str, str]]:
    return [(_("Webhooks"), reverse("tenants:webhook-list", args=[request.organization.slug]))]
