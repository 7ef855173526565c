"""The operator's desk: the business at a glance, and the way in."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from front import face
from portal import desk, sheets
from portal.desk_files import TABLES
from portal.spans import SpanForm
from tenants.access import (
    StaffRequest,
    proved_second_factor,
    staff_required,
    staff_required_outside,
)
from tenants.models import User
from tenants.queries import FACTORS


@require_safe
@staff_required
def overview(request: StaffRequest) -> HttpResponse:
    """Show what is sold, to how many, and what waits for somebody; the days stand in the address."""
    form = SpanForm(request.GET)
    context = {
        "form": form,
        "overview": desk.overview(form.span),
        "nav_section": "staff-overview",
    }
    status = 200 if form.is_valid() else 422
    return render(request, "staff/overview.html", context, status=status)


@require_safe
@staff_required
def export_list(request: StaffRequest) -> HttpResponse:
    """Offer the tables of the desk, over the days that stand in the address."""
    return _offer(request, SpanForm(request.GET))


@require_safe
@staff_required_outside
def export(request: StaffRequest, table: str, form: str) -> HttpResponseBase:
    """Give a table as a file, piece by piece however much it is; days without sense are named."""
    if table not in TABLES or form not in sheets.TYPES:
        raise Http404
    asked = SpanForm(request.GET)
    if not asked.is_valid():
        return _offer(request, asked)
    return sheets.served(request, TABLES[table](asked.span), form)


def _offer(request: StaffRequest, form: SpanForm) -> HttpResponse:
    context = {
        "form": form,
        "span": form.span,
        "crumbs": [(_("Overview"), reverse("staff:overview"))],
        "nav_section": "staff-overview",
    }
    status = 200 if form.is_valid() else 422
    return render(request, "staff/export_list.html", context, status=status)


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
