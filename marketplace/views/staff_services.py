"""The operator's desk: services, and the second person's decision on what changes of them."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from marketplace import application_changes, applications, cards
from marketplace.forms.applications import (
    ApplicationForm,
    LastDayForm,
    NoteForm,
    RetireAtOnceForm,
)
from marketplace.forms.curation import RefuseForm
from marketplace.models import Application, ApplicationChange, Status
from marketplace.services import applications as services
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-services"


@require_safe
@staff_required
def service_list(request: StaffRequest) -> HttpResponse:
    """List the services, drafts and retired ones included, and what waits for a decision."""
    waiting = ApplicationChange.objects.waiting().select_related("application", "proposed_by")
    context = {
        "services": applications.for_desk(),
        "changes": waiting,
        "nav_section": SECTION,
    }
    return render(request, "staff/service_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def service_create(request: StaffRequest) -> HttpResponse:
    """Add a service as a draft."""
    form = ApplicationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        facts = dict(form.cleaned_data)
        try:
            application = services.add(facts, slug=facts.pop("slug"), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The draft is added. Customers do not see it yet."))
            return redirect("staff:service-detail", service_id=application.pk)
    context = {"form": form, "nav_section": SECTION}
    return render(request, "staff/service_form.html", context, status=422 if form.is_bound else 200)


@require_safe
@staff_required
def service_detail(request: StaffRequest, service_id: uuid.UUID) -> HttpResponse:
    """Show a service, what is missing before it can be sold, and the next step."""
    return render(request, "staff/service_detail.html", _detail(_service(service_id)))


def _service(service_id: uuid.UUID) -> Application:
    return get_object_or_404(applications.for_desk(), pk=service_id)


def _detail(application: Application, **facts: Any) -> dict[str, Any]:
    return {
        "service": application,
        "description": cards.blocks(application.description),
        "missing": services.missing_for(application),
        "changes": application.changes.select_related("application", "proposed_by", "decided_by"),
        "is_waiting": application.changes.waiting().exists(),
        "can_submit": application.status in services.FROM[ApplicationChange.Kind.PUBLISH],
        "submit_form": NoteForm(),
        "last_day_form": LastDayForm(),
        "retire_form": RetireAtOnceForm(),
        "notice_days": settings.RETIREMENT_NOTICE.days,
        "nav_section": SECTION,
        **facts,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def service_edit(request: StaffRequest, service_id: uuid.UUID) -> HttpResponse:
    """Change a draft at once; of a service that customers see, propose the change."""
    application = _service(service_id)
    if application.status in (Status.IN_REVIEW, Status.RETIRED):
        return redirect("staff:service-detail", service_id=service_id)
    posted = request.POST if request.method == "POST" else None
    shown = request.GET.get("language", "")
    form = ApplicationForm(posted, application=application, shown=shown)
    note = NoteForm(posted)
    if form.is_valid() and note.is_valid():
        words = note.cleaned_data["words"]
        try:
            change = services.edit(application, form.cleaned_data, by=request.user, words=words)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return _after(request, change, service_id)
    context = {"form": form, "note": note, "service": application, "nav_section": SECTION}
    return render(request, "staff/service_form.html", context, status=422 if form.is_bound else 200)


def _after(
    request: StaffRequest, change: ApplicationChange | None, service_id: uuid.UUID
) -> HttpResponse:
    if change is None:
        messages.success(request, _("The draft is saved."))
        return redirect("staff:service-detail", service_id=service_id)
    messages.success(request, _("It is proposed. Customers see it once a colleague approves."))
    return redirect("staff:service-change", change_id=change.pk)


@require_POST
@staff_required
def service_submit(request: StaffRequest, service_id: uuid.UUID) -> HttpResponse:
    """Ask a colleague to put a service on sale."""
    application, form = _service(service_id), NoteForm(request.POST)
    if form.is_valid():
        try:
            words = form.cleaned_data["words"]
            change = services.submit(application, by=request.user, words=words)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return _after(request, change, service_id)
    context = _detail(_service(service_id), submit_form=form)
    return render(request, "staff/service_detail.html", context, status=422)


@require_POST
@staff_required
def service_last_day(request: StaffRequest, service_id: uuid.UUID) -> HttpResponse:
    """Propose when a service goes."""
    application, form = _service(service_id), LastDayForm(request.POST)
    if form.is_valid():
        try:
            change = services.propose_last_day(application, form.retires_at(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return _after(request, change, service_id)
    context = _detail(application, last_day_form=form)
    return render(request, "staff/service_detail.html", context, status=422)


@require_POST
@staff_required
def service_retire(request: StaffRequest, service_id: uuid.UUID) -> HttpResponse:
    """Propose that a service goes at once, for everybody who has it enabled."""
    application, form = _service(service_id), RetireAtOnceForm(request.POST)
    if form.is_valid():
        try:
            reason = form.cleaned_data["reason"]
            change = services.propose_retirement(application, reason, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return _after(request, change, service_id)
    context = _detail(application, retire_form=form)
    return render(request, "staff/service_detail.html", context, status=422)


@require_safe
@staff_required
def service_change(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Show a change beside what is live, and let a second person decide."""
    return render(request, "staff/service_change.html", _decision(_change(change_id)))


def _change(change_id: uuid.UUID) -> ApplicationChange:
    changes = ApplicationChange.objects.select_related(
        "application__publisher", "proposed_by", "decided_by"
    )
    return get_object_or_404(changes, pk=change_id)


def _decision(change: ApplicationChange, **facts: Any) -> dict[str, Any]:
    return {
        "change": change,
        "differences": application_changes.of(change),
        "refuse_form": RefuseForm(),
        "nav_section": SECTION,
        **facts,
    }


@require_POST
@staff_required
def change_approve(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Let come about what a colleague proposed."""
    change = _change(change_id)
    try:
        services.approve(change, by=request.user)
    except DomainError as refusal:
        context = _decision(_change(change_id), refusal=str(refusal.detail))
        return render(request, "staff/service_change.html", context, status=refusal.status)
    messages.success(request, _("It is done: customers see it now."))
    return redirect("staff:service-change", change_id=change_id)


@require_POST
@staff_required
def change_refuse(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Close a proposal, and say why."""
    change, form = _change(change_id), RefuseForm(request.POST)
    if not form.is_valid():
        context = _decision(change, refuse_form=form)
        return render(request, "staff/service_change.html", context, status=422)
    services.refuse(change, by=request.user, answer=form.cleaned_data["answer"])
    messages.success(request, _("It is refused; nothing has changed."))
    return redirect("staff:service-change", change_id=change_id)


@require_POST
@staff_required
def change_take_back(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Close a proposal that nobody has decided on."""
    services.take_back(_change(change_id), by=request.user)
    messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:service-change", change_id=change_id)
