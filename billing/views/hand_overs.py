"""Handing credit over to who pays, or to those who are paid for."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import queries
from billing.hand_over_forms import HandOverForm
from billing.services import hand_overs
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE, scoped=False)
def hand_over(request: TenantRequest) -> HttpResponse:
    """Show what credit could go to whom, and hand it over."""
    organization = request.organization
    partners = hand_overs.partners(organization)
    with scope(organization):
        grants = [it for it in queries.grants(organization) if it.remaining > it.leased]
        form = HandOverForm(
            request.POST if request.method == "POST" else None, grants=grants, partners=partners
        )
    if form.is_valid() and _done(request, form):
        messages.success(request, _("The credit is handed over; it can be used there at once."))
        return redirect("billing:overview", org=organization.slug)
    overview = reverse("billing:overview", args=[organization.slug])
    context = {
        "form": form,
        "is_possible": bool(grants and partners),
        "crumbs": [(_("Balance and bundles"), overview)],
        "nav_section": "billing",
    }
    with scope(organization):
        status = 422 if form.is_bound else 200
        return render(request, "billing/hand_over.html", context, status=status)


def _done(request: TenantRequest, form: HandOverForm) -> bool:
    facts = form.cleaned_data
    try:
        hand_overs.hand_over(
            request.organization,
            UUID(facts["grant"]),
            to=facts["to"],
            quantity=facts["quantity"],
            operation_key=str(facts["operation"]),
            by=request.user,
        )
    except DomainError as refusal:
        show_refusal(form, refusal)
        return False
    return True
