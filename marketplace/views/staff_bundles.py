"""The operator's desk: bundles."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from marketplace import showcase
from marketplace.forms.bundles import BundleForm
from marketplace.models import Bundle
from marketplace.services import bundles
from tenants.access import StaffRequest, staff_required

SECTION = "staff-bundles"


@require_safe
@staff_required
def bundle_list(request: StaffRequest) -> HttpResponse:
    """List every bundle, those off sale included."""
    context = {"bundles": showcase.all_bundles(), "nav_section": SECTION}
    return render(request, "staff/bundle_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def bundle_create(request: StaffRequest) -> HttpResponse:
    """Put a new bundle on sale."""
    form = BundleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            bundles.add(form.cleaned_data, by=request.user)
        except DomainError as refusal:
            form.add_error("slug", str(refusal.detail))
        else:
            messages.success(request, _("The bundle is on sale."))
            return redirect("staff:bundle-list")
    context = {"form": form, "nav_section": SECTION}
    return render(request, "staff/bundle_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@staff_required
def bundle_sale(request: StaffRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """Take a bundle off sale, or put it back."""
    bundle = get_object_or_404(Bundle, pk=bundle_id)
    bundle = bundles.set_on_sale(bundle, is_active="on_sale" in request.POST, by=request.user)
    if bundle.is_active:
        messages.success(request, _("The bundle is on sale."))
    else:
        messages.success(request, _("The bundle is off sale; what was bought of it stays."))
    return redirect("staff:bundle-list")
