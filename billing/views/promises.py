"""What the organization was promised, and what came of it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing import promises
from tenants.access import TenantRequest, requires
from tenants.models import Permission


@require_safe
@requires(Permission.USAGE_READ)
def service_levels(request: TenantRequest) -> HttpResponse:
    """Show a month of each model that was called: target, measured, credited, and day by day."""
    months = promises.months(request.organization)
    label = request.GET.get("month") or months[0]
    context = {
        "found": promises.month(request.organization, label),
        "label": label,
        "months": months,
        "sees_money": request.membership.can(Permission.BILLING_READ),
        "nav_section": "service-levels",
    }
    return render(request, "billing/service_levels.html", context)
