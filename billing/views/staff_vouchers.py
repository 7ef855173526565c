"""The operator's desk: voucher campaigns."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.models import VoucherCampaign
from billing.services import vouchers
from billing.voucher_forms import CampaignForm
from tenants.access import StaffRequest, staff_required

SECTION = "staff-vouchers"


@require_safe
@staff_required
def campaign_list(request: StaffRequest) -> HttpResponse:
    """List the campaigns and how much of each is redeemed."""
    campaigns = VoucherCampaign.objects.select_related("token_class").annotate(
        uses=Sum("vouchers__uses"), redeemed=Sum("vouchers__redeemed")
    )
    context = {"campaigns": campaigns, "nav_section": SECTION}
    return render(request, "staff/campaign_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_required
def campaign_create(request: StaffRequest) -> HttpResponse:
    """Issue a campaign, and show its codes this once."""
    form = CampaignForm(request.POST or None)
    context: dict[str, Any] = {
        "crumbs": [(_("Vouchers"), reverse("staff:campaign-list"))],
        "nav_section": SECTION,
    }
    if request.method == "POST" and form.is_valid():
        campaign, codes = vouchers.issue(by=request.user, **form.facts())
        context |= {"campaign": campaign, "codes": "\n".join(codes), "count": len(codes)}
        return render(request, "staff/campaign_issued.html", context, status=201)
    context |= {"form": form}
    status = 422 if form.is_bound else 200
    return render(request, "staff/campaign_form.html", context, status=status)


@require_POST
@staff_required
def campaign_end(request: StaffRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Let no more of a campaign's vouchers be redeemed."""
    campaign = get_object_or_404(VoucherCampaign, pk=campaign_id)
    vouchers.end(campaign, by=request.user)
    messages.success(request, _("“%(name)s” has ended.") % {"name": campaign.name})
    return redirect("staff:campaign-list")
