"""Redeeming a voucher."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing.services import vouchers
from billing.voucher_forms import RedeemForm
from common.errors import DomainError
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE, scoped=False)
def redeem(request: TenantRequest) -> HttpResponse:
    """Ask for a code, and grant what its voucher is worth."""
    form = RedeemForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            vouchers.redeem(request.organization, form.cleaned_data["code"], by=request.user)
        except DomainError as error:
            form.add_error("code", str(error.detail))
        else:
            messages.success(request, _("The voucher is redeemed; its credit can be used at once."))
            return redirect("billing:overview", org=request.organization.slug)
    overview = reverse("billing:overview", args=[request.organization.slug])
    context = {
        "form": form,
        "crumbs": [(_("Balance and bundles"), overview)],
        "nav_section": "billing",
    }
    with scope(request.organization):
        status = 422 if form.is_bound else 200
        return render(request, "billing/voucher_redeem.html", context, status=status)
