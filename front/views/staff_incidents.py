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
from front.forms.incidents import ConcernForm, IncidentForm, MaintenanceForm, UpdateForm
from front.forms.subscriptions import EraseForm
from front.models import Incident
from front.services import incidents, subscribing
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
        "mailed": subscribing.counts(regions=(), models=()).confirmed,
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
    if request.htmx:
        return _reach(request)
    form = form_class(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            incident = begin(**form.facts(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The status page shows it within five seconds."))
            return redirect("staff:incident-detail", incident_id=incident.pk)
    reach = subscribing.counts(regions=(), models=()).reach
    context = {"form": form, "is_planned": is_planned, "reach": reach, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/incident_form.html", context, status=status)


def _reach(request: StaffRequest) -> HttpResponse:
    """Say how many get mail of what concerns the regions and models that are chosen so far."""
    form = ConcernForm(request.GET)
    form.is_valid()
    regions, models = (form.cleaned_data.get(it, ()) for it in ("regions", "models"))
    reach = subscribing.counts(regions=regions, models=models).reach
    context = {"reach": reach, "is_exact": True}
    return render(request, "staff/incident_form.html#reach", context)


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
    reach = subscribing.counts(
        regions=incident.regions.all(), models=incident.named_models.all()
    ).reach
    context: dict[str, Any] = {
        "incident": incident,
        "form": form,
        "reach": reach,
        "nav_section": SECTION,
    }
    status = 422 if form.errors else 200
    return render(request, "staff/incident_detail.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def status_mail(request: StaffRequest) -> HttpResponse:
    """Show how many get mail, and forget an address whose owner wants it."""
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if subscribing.erase(form.cleaned_data["email"], by=request.user):
            messages.success(request, _("The address is forgotten."))
            return redirect("staff:status-mail")
        form.add_error("email", _("Nothing is known of this address."))
    counted = subscribing.counts(regions=(), models=())
    context = {"form": form, "counted": counted, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/status_mail.html", context, status=status)


def show_refusal(form: Form, refusal: DomainError) -> None:
    """Say on the form what a service refused."""
    if not refusal.field_errors:
        form.add_error(None, str(refusal.detail))
    for name, words in refusal.field_errors.items():
        form.add_error(name, [str(it) for it in words])
