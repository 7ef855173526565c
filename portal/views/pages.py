"""Pages that belong to no single app: the dashboard, the first steps."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from common.htmx import render_page
from portal import onboarding as first_steps
from tenants.access import TenantRequest, requires
from tenants.models import Permission

#: htmx stops polling at this answer.
STOP_POLLING = 286


@require_safe
@requires(Permission.DASHBOARD_READ)
def dashboard(request: TenantRequest) -> HttpResponse:
    """Answer whether all is well, and what to do next."""
    steps = first_steps.steps(request.organization)
    context = {
        "steps": steps,
        "open_steps": [step for step in steps if not step.is_done],
        "key_count": request.organization.api_keys.usable().count(),
        "member_count": request.organization.memberships.count(),
        "nav_section": "dashboard",
    }
    return render(request, "portal/dashboard.html", context)


@require_safe
@requires(Permission.DASHBOARD_READ)
def onboarding(request: TenantRequest) -> HttpResponse:
    """Show the way to the first call; the list refreshes itself until all is done."""
    steps = first_steps.steps(request.organization)
    is_done = all(step.is_done for step in steps)
    context = {"steps": steps, "is_done": is_done, "nav_section": "dashboard"}
    status = STOP_POLLING if is_done and request.htmx else 200
    return render_page(
        request, "portal/onboarding.html", context, partial="onboarding-steps", status=status
    )
