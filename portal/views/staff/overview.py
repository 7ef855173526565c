"""The operator's desk: the business at a glance, and the way in."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from front import face
from portal import desk
from tenants.access import StaffRequest, proved_second_factor, staff_required
from tenants.models import User
from tenants.queries import FACTORS


@require_safe
@staff_required
def overview(request: StaffRequest) -> HttpResponse:
    """Show what is sold, to how many, and what waits for somebody."""
    context = {"overview": desk.overview(), "nav_section": "staff-overview"}
    return render(request, "staff/overview.html", context)


@require_safe
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Tell staff why the desk is closed to them, and lead them to what opens it."""
    assert isinstance(request.user, User)  # noqa: S101 - login_required has seen to it
    if not request.user.is_staff:
        raise Http404
    wanted = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        wanted = "/staff/"
    if proved_second_factor(request):
        return redirect(wanted)
    has_factor = Authenticator.objects.filter(user=request.user, type__in=FACTORS).exists()
    context = {"has_factor": has_factor, "next": wanted, "issuer": face.current().name}
    return render(request, "staff/second_factor.html", context)
