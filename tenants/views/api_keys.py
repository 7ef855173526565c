"""Keys: the list, a new one shown once, revoking."""

import uuid

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants.access import TenantRequest, requires
from tenants.forms import ApiKeyForm
from tenants.models import Permission
from tenants.services import api_keys


@require_safe
@requires(Permission.KEYS_READ)
def key_list(request: TenantRequest) -> HttpResponse:
    """List the organization's keys, newest first."""
    keys = request.organization.api_keys.select_related("created_by", "project")
    context = {
        "keys": keys,
        "may_manage": request.membership.can(Permission.KEYS_MANAGE),
        "nav_section": "keys",
    }
    return render(request, "tenants/key_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@requires(Permission.KEYS_MANAGE)
def key_create(request: TenantRequest) -> HttpResponse:
    """Make a key and show it, this once, with a ready snippet."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        minted = api_keys.create(request.organization, by=request.user, **form.cleaned_data)
        context = {
            "minted": minted,
            "api_base_url": f"{settings.PUBLIC_URL}/v1",
            "nav_section": "keys",
        }
        return render(request, "tenants/key_created.html", context, status=201)
    context = {"form": form, "nav_section": "keys"}
    status = 422 if form.is_bound else 200
    return render(request, "tenants/key_create.html", context, status=status)


@require_POST
@requires(Permission.KEYS_MANAGE)
def key_revoke(request: TenantRequest, key_id: uuid.UUID) -> HttpResponse:
    """Close a key for ever."""
    key = get_object_or_404(request.organization.api_keys, pk=key_id)
    api_keys.revoke(key, by=request.user)
    return redirect("tenants:key-list", org=request.organization.slug)
