"""The operator's desk: what does not work, what is planned, and what is said of it."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.errors import DomainError
from front.forms.incidents import IncidentForm, MaintenanceForm, UpdateForm
from front.models import Incident
from front.services import incidents
from tenants.access import StaffRequest, staff_required

SECTION = "staff-incidents"
PAGE_SIZE = 50


@require_safe
@staff_required
def incident_list(request: StaffRequest) -> HttpResponse:
    """List what is open, then what was."""
    found = Incident.objects.select_related("opened_by")
    context = {
        "open": found.open(),
        "page": Paginator(found.exclude(ended_at=None), PAGE_SIZE).get_page(
            request.GET.get("page")
        ),
        "nav_section": SECTION,
    }
    return render(request, "staff/incident_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def incident_create(request: StaffRequest) -> HttpResponse:
    """Tell of something that does not work."""
    return _begin(request, IncidentForm, incidents.open_, is_planned=False)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def maintenance_create(request: StaffRequest) -> HttpResponse:
    """Announce work."""
    return _begin(request, MaintenanceForm, incidents.plan, is_planned=True)


def _begin(
    request: StaffRequest,
    form_class: type[IncidentForm] | type[MaintenanceForm],
    begin: Callable[..., Incident],
    *,
    is_planned: bool,
) -> HttpResponse:
    form = form_class(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            incident = begin(**form.facts(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The status page shows it within five seconds."))
            return redirect("staff:incident-detail", incident_id=incident.pk)
    context = {"form": form, "is_planned": is_planned, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/incident_form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def incident_detail(request: StaffRequest, incident_id: uuid.UUID) -> HttpResponse:
    """Show all that was said, and say what is new."""
    found = Incident.objects.prefetch_related("updates__written_by", "named_models", "regions")
    incident = get_object_or_404(found, pk=incident_id)
    form = UpdateForm(incident, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            incidents.update(incident, **form.facts(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The status page shows it within five seconds."))
            return redirect("staff:incident-detail", incident_id=incident.pk)
    context: dict[str, Any] = {"incident": incident, "form": form, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/incident_detail.html", context, status=status)


def show_refusal(form: Form, refusal: DomainError) -> None:
    """Say on the form what a service refused."""
    if not refusal.field_errors:
        form.add_error(None, str(refusal.detail))
    for name, words in refusal.field_errors.items():
        form.add_error(name, [str(it) for it in words])
