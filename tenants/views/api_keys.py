"""Keys: the list, a new one shown once, rotating, revoking."""

import copy
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import ports
from tenants.access import TenantRequest, requires
from tenants.errors import KeyClosed, KeyMadeAlready, KeyRotatedAlready, KeyRotating
from tenants.forms import ApiKeyForm, RotationForm
from tenants.models import ApiKey, Permission
from tenants.queries import with_use
from tenants.services import api_keys

PAGE = 50


@require_safe
@requires(Permission.KEYS_READ)
def key_list(request: TenantRequest) -> HttpResponse:
    """List the keys that open the door, newest first; the others on a page of their own."""
    is_closed = request.GET.get("state") == "closed"
    every = request.organization.api_keys.made().with_makers()
    usable, closed = every.usable(), every.closed()
    page = Paginator(closed if is_closed else usable, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "keys": with_use(request.organization, page),
        "is_closed": is_closed,
        "usable_count": usable.count(),
        "closed_count": closed.count(),
        "may_manage": (may_manage := request.membership.can(Permission.KEYS_MANAGE)),
        "may_make": may_manage and request.organization.is_admitted,
        "nav_section": "keys",
    }
    return render(request, "tenants/key_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@requires(Permission.KEYS_MANAGE)
def key_create(request: TenantRequest) -> HttpResponse:
    """Make a key and show it, this once, with the first call ready to copy.

    Who waits for the operator's approval is told so before a form is filled in.
    """
    if request.method != "POST" and not request.organization.is_admitted:
        return redirect("tenants:key-list", org=request.organization.slug)
    models = ports.catalogue.names(request.organization)
    posted = request.POST if request.method == "POST" else None
    form = ApiKeyForm(posted, models=models, projects=request.organization.projects.all())
    if form.is_valid():
        try:
            minted = api_keys.create(request.organization, by=request.user, **form.cleaned_data)
        except KeyMadeAlready as refusal:
            messages.warning(request, str(refusal.detail))
            return redirect("tenants:key-list", org=request.organization.slug)
        return _shown_once(request, minted, minted.api_key.allowed_models or models)
    context = {"form": form, "crumbs": _crumbs(request), "nav_section": "keys"}
    status = 422 if form.is_bound else 200
    return render(request, "tenants/key_create.html", context, status=status)


def _shown_once(
    request: TenantRequest,
    minted: api_keys.MintedKey,
    models: Sequence[str],
    **more: object,
) -> HttpResponse:
    base_url = f"{settings.PUBLIC_URL}/v1"
    context = {
        "minted": minted,
        "base_url": base_url,
        "samples": ports.catalogue.first_call(models, key=minted.text, base_url=base_url),
        "crumbs": _crumbs(request),
        "nav_section": "keys",
        **more,
    }
    return render(request, "tenants/key_created.html", context, status=201)


def _crumbs(request: TenantRequest) -> list[tuple[str, str]]:
    return [(_("API keys"), reverse("tenants:key-list", args=[request.organization.slug]))]


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KEYS_READ)
def key_detail(request: TenantRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show a key, its limits and what it may still spend; let those who may change it."""
    key = get_object_or_404(
        request.organization.api_keys.select_related("project", "organization"), pk=key_id
    )
    may_change = request.membership.can(Permission.KEYS_MANAGE) and key.state == "active"
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    posted = request.POST if request.method == "POST" else None
    models = ports.catalogue.names(request.organization)
    form = ApiKeyForm(posted, instance=copy.copy(key), models=models)
    del form.fields["key_id"]
    if form.is_valid():
        api_keys.change(key, by=request.user, **form.cleaned_data)
        messages.success(request, _("“%(name)s” is saved.") % {"name": key.name})
        return redirect("tenants:key-detail", org=request.organization.slug, key_id=key.pk)
    (entry,) = with_use(request.organization, [key])
    context = {
        "form": form,
        "key": key,
        "entry": entry,
        "budgets": ports.budgets.of_key(key),
        "may_change": may_change,
        "rotation": RotationForm(initial={"last_four": key.last_four}),
        "crumbs": _crumbs(request),
        "nav_section": "keys",
    }
    return render(request, "tenants/key_detail.html", context, status=422 if form.is_bound else 200)


@require_POST
@never_cache
@requires(Permission.KEYS_MANAGE)
def key_rotate(request: TenantRequest, key_id: uuid.UUID) -> HttpResponse:
    """Give a key another text and show it, this once."""
    key = get_object_or_404(request.organization.api_keys.made(), pk=key_id)
    form = RotationForm(request.POST)
    if not form.is_valid():
        return _not_rotated(request, key, _("Choose how long the old key works."))
    facts = form.cleaned_data
    try:
        minted = api_keys.rotate(
            key, replacing=facts["last_four"], overlap=facts["overlap"], by=request.user
        )
    except (KeyClosed, KeyRotatedAlready, KeyRotating) as refusal:
        return _not_rotated(request, key, str(refusal.detail))
    models = ports.catalogue.names(request.organization)
    usable = minted.api_key.allowed_models or models
    return _shown_once(request, minted, usable, is_rotated=True)


def _not_rotated(request: TenantRequest, key: ApiKey, why: str) -> HttpResponse:
    messages.warning(request, why)
    return redirect("tenants:key-detail", org=request.organization.slug, key_id=key.pk)


@require_POST
@requires(Permission.KEYS_MANAGE)
def key_end_former(request: TenantRequest, key_id: uuid.UUID) -> HttpResponse:
    """Close the text before a rotated key's present one."""
    key = get_object_or_404(request.organization.api_keys.made(), pk=key_id)
    api_keys.end_former(key, by=request.user)
    messages.success(request, _("The old key does not work any more."))
    return redirect("tenants:key-detail", org=request.organization.slug, key_id=key.pk)


@require_POST
@requires(Permission.KEYS_MANAGE)
def key_revoke(request: TenantRequest, key_id: uuid.UUID) -> HttpResponse:
    """Close a key for ever."""
    key = get_object_or_404(request.organization.api_keys, pk=key_id)
    api_keys.revoke(key, by=request.user)
    messages.success(request, _("“%(name)s” is revoked.") % {"name": key.name})
    return redirect("tenants:key-list", org=request.organization.slug)
