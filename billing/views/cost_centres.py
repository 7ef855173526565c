"""Cost centres: the list, a new one, and which projects are charged to each."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from billing import divisions
from billing.cost_centre_forms import ChargeForm, CostCentreForm
from billing.services import cost_centres
from common.errors import DomainError
from tenants.access import TenantRequest, requires
from tenants.models import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE)
def cost_centre_list(request: TenantRequest) -> HttpResponse:
    """Show the cost centres, and add one."""
    form = CostCentreForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = cost_centres.add(request.organization, by=request.user, **form.cleaned_data)
        except DomainError as error:
            form.add_error("code", error.field_errors["code"])
        else:
            messages.success(request, _("“%(name)s” is added.") % {"name": made})
            return redirect("billing:cost-centre-list", org=request.organization.slug)
    return _page(request, form, ChargeForm(organization=request.organization))


@require_POST
@requires(Permission.BILLING_MANAGE)
def cost_centre_charge(request: TenantRequest) -> HttpResponse:
    """Charge projects to cost centres."""
    form = ChargeForm(request.POST, organization=request.organization)
    if not form.is_valid():
        return _page(request, CostCentreForm(), form)
    changed = cost_centres.charge(request.organization, form.facts(), by=request.user)
    words = ngettext("%(count)s project changed.", "%(count)s projects changed.", changed)
    messages.success(request, words % {"count": changed})
    return redirect("billing:cost-centre-list", org=request.organization.slug)


@require_POST
@requires(Permission.BILLING_MANAGE)
def cost_centre_remove(request: TenantRequest, centre_id: uuid.UUID) -> HttpResponse:
    """Take a cost centre off the list."""
    centre = get_object_or_404(divisions.cost_centres(request.organization), pk=centre_id)
    cost_centres.remove(centre, by=request.user)
    messages.success(request, _("“%(name)s” is removed.") % {"name": centre})
    return redirect("billing:cost-centre-list", org=request.organization.slug)


def _page(request: TenantRequest, form: CostCentreForm, charge: ChargeForm) -> HttpResponse:
    settings = reverse("billing:settings", args=[request.organization.slug])
    context = {
        "form": form,
        "charge": charge,
        "centres": divisions.cost_centres(request.organization),
        "crumbs": [(_("Billing details"), settings)],
        "nav_section": "billing-settings",
    }
    status = 422 if form.is_bound or charge.is_bound else 200
    return render(request, "billing/cost_centre_list.html", context, status=status)
