"""Billing details."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import customers, documents
from billing.forms import BillingProfileForm
from billing.services import profiles
from tenants.access import TenantRequest, requires
from tenants.models import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_READ)
def settings(request: TenantRequest) -> HttpResponse:
    """Show the billing details; let those who may change them."""
    may_change = request.membership.can(Permission.BILLING_MANAGE)
    profile = profiles.of(request.organization)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    posted = request.POST if request.method == "POST" else None
    form = BillingProfileForm(posted, instance=profile)
    if form.is_bound and form.is_valid():
        profiles.update(request.organization, by=request.user, facts=form.cleaned_data)
        messages.success(request, _("Billing details saved."))
        return redirect("billing:settings", org=request.organization.slug)
    organization = request.organization
    context = {
        "form": form,
        "buyer": documents.party(customers.of(organization).buyer()),
        "profile": profiles.of(organization),
        "may_see_audit": request.membership.can(Permission.AUDIT_READ),
        "may_change": may_change,
        "nav_section": "billing-settings",
    }
    return render(request, "billing/settings.html", context, status=422 if form.is_bound else 200)
