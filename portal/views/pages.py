"""Pages that belong to no single app: the dashboard, the first steps."""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from common.htmx import render_page
from portal import dashboard as overview
from portal import onboarding as first_steps
from tenants import ports
from tenants.access import TenantRequest, requires
from tenants.models import Organization, Permission, SignUp
from tenants.ports import Sample

#: htmx stops polling at the first answer, and leaves the page as it is at the second.
STOP_POLLING, NOTHING_NEW = 286, 204


@require_safe
@requires(Permission.DASHBOARD_READ)
def dashboard(request: TenantRequest) -> HttpResponse:
    """Answer whether all is well, and what to do next; an open page asks now and then."""
    if not request.organization.is_admitted:
        return _waiting(request, "dashboard")
    if request.htmx and request.GET.get("seen") == overview.state(request.organization):
        return HttpResponse(status=NOTHING_NEW)
    context = {
        "dashboard": overview.build(request.membership, request.user),
        "may_read_billing": request.membership.can(Permission.BILLING_READ),
        "may_read_usage": request.membership.can(Permission.USAGE_READ),
        "nav_section": "dashboard",
    }
    return render_page(request, "portal/dashboard.html", context, partial="dashboard-state")


@require_safe
@requires(Permission.DASHBOARD_READ)
def onboarding(request: TenantRequest) -> HttpResponse:
    """Show the way to the first call; an open list follows what happens until all is done."""
    if not request.organization.is_admitted:
        return _waiting(request, "onboarding")
    steps = first_steps.steps(request.membership, request.user)
    done = ",".join(step.name for step in steps if step.is_done)
    seen = request.GET.get("seen", "")
    if request.htmx and seen == done:
        return HttpResponse(status=NOTHING_NEW)
    is_done = first_steps.following(steps) is None
    context = {
        "steps": steps,
        "done": done,
        "is_done": is_done,
        "samples": _samples(request.organization),
        "base_url": f"{settings.PUBLIC_URL}/v1",
        "nav_section": "onboarding",
    }
    status = STOP_POLLING if is_done and request.htmx else 200
    response = render_page(
        request, "portal/onboarding.html", context, partial="onboarding-steps", status=status
    )
    if request.htmx and "first-call" in done and "first-call" not in seen:
        return _tell(response, _("Your first request arrived."))
    return response


def _waiting(request: TenantRequest, section: str) -> HttpResponse:
    """Show that the operator decides first, or has refused, and why."""
    sign_up = SignUp.objects.filter(organization=request.organization).first()
    context = {"sign_up": sign_up, "nav_section": section}
    return render(request, "portal/waiting.html", context)


def _samples(organization: Organization) -> Sequence[Sample]:
    """Return the first call in several languages; the key comes from the environment."""
    names = ports.catalogue.names(organization)
    return ports.catalogue.first_call(names, key="", base_url=f"{settings.PUBLIC_URL}/v1")


def _tell(response: HttpResponse, text: str) -> HttpResponse:
    """Let the page say it in its one live region."""
    return trigger_client_event(response, "toast", {"text": text, "level": "success"})
