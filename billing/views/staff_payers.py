"""The operator's desk: which organization pays for which other one's usage."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing import groups
from billing.payer_forms import PayerForm
from billing.services import payers
from common.errors import DomainError
from tenants.access import StaffRequest, staff_required
from tenants.models import Organization


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def payer(request: StaffRequest, slug: str) -> HttpResponse:
    """Show who pays for a customer and for whom it pays, and let another one pay."""
    organization = get_object_or_404(Organization, slug=slug)
    form = PayerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = payers.begin(organization, by=request.user, **form.facts())
        except DomainError as error:
            form.add_error("payer", error.field_errors.get("payer") or str(error.detail))
        else:
            words = _("%(payer)s pays from %(month)s on.")
            messages.success(request, words % {"payer": made.payer_name, "month": made.first_month})
            return redirect("staff:customer-payer", slug=slug)
    context = {
        "form": form,
        "organization": organization,
        "payers": groups.payers(organization),
        "members": groups.paid_for(organization, ""),
        "month": groups.this_month(organization),
        "nav_section": "staff-customers",
    }
    return render(
        request, "staff/customer_payer.html", context, status=422 if form.is_bound else 200
    )


@require_POST
@staff_required
def payer_end(request: StaffRequest, payer_id: uuid.UUID) -> HttpResponse:
    """Let an organization pay for itself again, from the next month on."""
    agreed = get_object_or_404(groups.agreed(), pk=payer_id)
    payers.end(agreed, by=request.user)
    messages.success(request, _("It ends with the running month."))
    return redirect("staff:customer-payer", slug=agreed.organization.slug)
