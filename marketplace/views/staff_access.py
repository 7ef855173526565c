"""The operator's desk: what a model asks customers for, and who is let in."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from marketplace import access, showcase
from marketplace.forms.access import AccessForm, AnswerForm
from marketplace.models import AccessRequest
from marketplace.services import access as services
from marketplace.services import curation
from marketplace.views.staff_models import SECTION, after_proposal, show_refusal
from tenants.access import StaffRequest, staff_required

PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_access(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Set which terms customers accept, and whether each is let in by name."""
    model = get_object_or_404(showcase.all_models().select_related("terms"), pk=model_id)
    initial = {
        "text": model.terms.text if model.terms else "",
        "needs_approval": model.needs_approval,
    }
    form = AccessForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            change = curation.change_access(model, **form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return after_proposal(request, change, _("Saved."), model_id)
    context = {
        "model": model,
        "form": form,
        "agreed": model.terms.acceptances.count() if model.terms else 0,
        "nav_section": SECTION,
    }
    return render(request, "staff/model_access.html", context, status=422 if form.errors else 200)


@require_safe
@staff_required
def request_list(request: StaffRequest) -> HttpResponse:
    """List what customers asked for, what waits first."""
    page = Paginator(access.requests(), PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "nav_section": "staff-access"}
    return render(request, "staff/access_list.html", context)


@require_POST
@staff_required
def request_decide(request: StaffRequest, request_id: uuid.UUID) -> HttpResponse:
    """Let a customer in, refuse it, or take back what was granted."""
    asked = get_object_or_404(AccessRequest.objects.select_related("model"), pk=request_id)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose what becomes of the request."))
        return redirect("staff:access-list")
    try:
        services.decide(asked, **form.cleaned_data, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("Decided. Who asked gets a mail; it holds within seconds."))
    return redirect("staff:access-list")
