"""The desk of late usage: what came of a month after its window, and what becomes of it."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import late_months
from billing.models import LateMonth
from billing.services import late_usage
from common.errors import DomainError
from tenants.access import StaffRequest, staff_required


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def late_month(request: StaffRequest, month_id: uuid.UUID) -> HttpResponse:
    """Show what came late of a month, and let it be invoiced or left."""
    found = get_object_or_404(late_months.every(), pk=month_id)
    if request.method == "POST":
        _decide(request, found)
        return redirect("staff:correction-desk")
    context = {
        "month": found,
        "late": late_months.what_came(found),
        "nav_section": "staff-corrections",
    }
    return render(request, "staff/late_month.html", context)


def _decide(request: StaffRequest, month: LateMonth) -> None:
    try:
        decided = late_usage.decide(month, accept="accept" in request.POST, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
        return
    if decided.is_accepted:
        messages.success(request, _("It stands on the customer's next invoice."))
    else:
        messages.success(request, _("It is left: no invoice asks for it."))
