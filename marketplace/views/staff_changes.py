"""The operator's desk: changes of what customers see, and the second person's decision."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.database import service
from common.errors import DomainError
from marketplace import differences, due, readiness
from marketplace.forms.curation import ApproveForm, RefuseForm
from marketplace.models import ModelChange
from marketplace.services import curation
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required, staff_required_outside

SECTION = "staff-changes"
PAGE_SIZE = 50


@require_safe
@staff_required
def change_list(request: StaffRequest) -> HttpResponse:
    """List what waits for a decision or for its day, and what was decided."""
    changes = _changes()
    closed = changes.exclude(status__in=("proposed", "approved"))
    context = {
        "open": changes.open(),
        "page": Paginator(closed, PAGE_SIZE).get_page(request.GET.get("page")),
        "nav_section": SECTION,
    }
    return render(request, "staff/change_list.html", context)


@require_safe
@staff_required
def change_detail(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Show a change beside what is live, and let a second person decide."""
    change = get_object_or_404(_changes(), pk=change_id)
    return render(request, "staff/change_detail.html", _detail(change))


def _changes() -> Any:
    return ModelChange.objects.select_related(
        "model__publisher", "model__replaced_by", "offer", "proposed_by", "decided_by"
    )


def _detail(change: ModelChange, **facts: Any) -> dict[str, Any]:
    is_publication = change.kind == ModelChange.Kind.PUBLISH
    return {
        "change": change,
        "differences": differences.of(change),
        "checks": readiness.checklist(change.model) if is_publication else [],
        "is_short": change.is_open and curation.is_short(change),
        "approve_form": ApproveForm(change=change),
        "refuse_form": RefuseForm(),
        "nav_section": SECTION,
        **facts,
    }


@require_POST
@staff_required_outside
def change_approve(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Let come about what a colleague proposed; a model's servers are asked once more before."""
    with service():
        change = get_object_or_404(ModelChange, pk=change_id)
    if change.kind == ModelChange.Kind.PUBLISH:
        due.ask_servers(change.model_id)
    with service():
        change = get_object_or_404(_changes(), pk=change_id)
        form = ApproveForm(request.POST, change=change)
        form.is_valid()
        try:
            change = curation.approve(change, by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
            context = _detail(change, approve_form=form)
            return render(request, "staff/change_detail.html", context, status=refusal.status)
    messages.success(request, _said(change))
    return redirect("staff:change-detail", change_id=change_id)


def _said(change: ModelChange) -> str:
    if change.status == ModelChange.Status.APPROVED:
        return _("It is approved, and comes about on its day.")
    return _("It is done: customers see it within five seconds.")


@require_POST
@staff_required
def change_refuse(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Close a proposal, and say why."""
    change = get_object_or_404(_changes(), pk=change_id)
    form = RefuseForm(request.POST)
    if not form.is_valid():
        context = _detail(change, refuse_form=form)
        return render(request, "staff/change_detail.html", context, status=422)
    curation.refuse(change, by=request.user, answer=form.cleaned_data["answer"])
    messages.success(request, _("It is refused; nothing has changed."))
    return redirect("staff:change-detail", change_id=change_id)


@require_POST
@staff_required
def change_take_back(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Close what has not come about yet."""
    change = get_object_or_404(_changes(), pk=change_id)
    curation.take_back(change, by=request.user)
    messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:change-detail", change_id=change_id)
