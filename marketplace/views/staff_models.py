"""The operator's desk: models and their lives."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.database import service
from common.errors import DomainError
from marketplace import desk, due, previewing, proposing, showcase
from marketplace.errors import NotReady, TakesEffectInThePast
from marketplace.forms.curation import SubmitForm
from marketplace.forms.models import CardForm, DeprecateForm, NewModelForm, RetireForm
from marketplace.models import AIModel, ModelChange, Status, Upstream
from marketplace.services import curation, publishing
from tenants.access import StaffRequest, staff_required, staff_required_outside
from tenants.models import Organization

SECTION = "staff-models"
PAGE_SIZE = 50
Kind = ModelChange.Kind


@require_safe
@staff_required
def model_list(request: StaffRequest) -> HttpResponse:
    """List the models, drafts and retired ones included."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    status = request.GET.get("status", "")
    status = status if status in Status.values else ""
    page = Paginator(desk.models(text, status), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "entries": desk.listed(page.object_list),
        "page": page,
        "text": text,
        "status": status,
        "statuses": Status.choices,
        "nav_section": SECTION,
    }
    return render(request, "staff/model_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_create(request: StaffRequest) -> HttpResponse:
    """Add a model as a draft."""
    form = NewModelForm(request.POST or None, shown=request.GET.get("language", ""))
    if request.method == "POST" and form.is_valid():
        try:
            model = proposing.add(form, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The draft is added. Customers do not see it yet."))
            return redirect("staff:model-detail", model_id=model.pk)
    context = {
        "form": form,
        "has_servers": Upstream.objects.filter(is_enabled=True).exists(),
        "nav_section": SECTION,
    }
    return render(request, "staff/model_form.html", context, status=422 if form.is_bound else 200)


@require_safe
@staff_required
def model_detail(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Show a model, what is missing before it can be sold, and the next step."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    return render(request, "staff/model_detail.html", _detail(model))


def _detail(model: AIModel, **facts: Any) -> dict[str, Any]:
    whole = desk.whole(model)
    return {
        "model": model,
        "offers": whole.offers,
        "checks": whole.checks,
        "changes": whole.changes,
        "submit_form": SubmitForm(),
        "can_submit": model.status in (Status.DRAFT, Status.DEPRECATED),
        "steps": publishing.ALLOWED[model.status],
        "deprecate_form": DeprecateForm(model=model),
        "retire_form": RetireForm(model=model),
        "requests_last_day": whole.requests_last_day,
        "audience": whole.audience,
        "nav_section": SECTION,
        **facts,
    }


@require_safe
@staff_required
def model_preview(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Show the model's page as customers, or one of them, will see it."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    slug = request.GET.get("customer", "").replace("\0", "").strip()[:100]
    customer = Organization.objects.filter(slug=slug).first()
    preview = previewing.of(model, customer)
    context = {
        **preview.context,
        "has_card": preview.has_card,
        "audience": preview.audience,
        "sight": preview.sight,
        "slug": slug,
        "is_preview": True,
    }
    return render(request, "staff/model_preview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_edit(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Change what a model's card says."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    name, initial = model.name, {"publisher_name": model.publisher.name}
    shown = request.GET.get("language", "")
    form = CardForm(request.POST or None, instance=model, initial=initial, shown=shown)
    if request.method == "POST" and form.is_valid():
        publisher = form.cleaned_data["publisher_name"]
        try:
            change = curation.edit(
                model, card=form.card(), publisher_name=publisher, by=request.user
            )
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return after_proposal(request, change, _("The card is saved."), model_id)
    context = {"form": form, "model": model, "model_name": name, "nav_section": SECTION}
    return render(request, "staff/model_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@staff_required_outside
def model_publish(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Ask the model's servers whether they answer for it, and a colleague to put it on sale."""
    with service():
        get_object_or_404(AIModel, pk=model_id)
    due.ask_servers(model_id)
    with service():
        model = showcase.all_models().get(pk=model_id)
        form = SubmitForm(request.POST)
        if form.is_valid():
            try:
                change = curation.submit(model, by=request.user, **form.cleaned_data)
            except NotReady:
                context = _detail(model, is_refused=True, submit_form=form)
                return render(request, "staff/model_detail.html", context, status=422)
            except TakesEffectInThePast as refusal:
                show_refusal(form, refusal)
            else:
                return after_proposal(request, change, "", model_id)
        context = _detail(model, submit_form=form)
        return render(request, "staff/model_detail.html", context, status=422)


@require_POST
@staff_required
def model_deprecate(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Propose when a model will go, and what to use instead."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    form = DeprecateForm(request.POST, model=model)
    if form.is_valid():
        try:
            change = curation.propose_end(model, Kind.DEPRECATE, form.facts(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return after_proposal(request, change, "", model_id)
    context = _detail(model, deprecate_form=form)
    return render(request, "staff/model_detail.html", context, status=422)


@require_POST
@staff_required
def model_retire(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Propose to take a model off sale at once and for good; its name is typed to be sure."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    form = RetireForm(request.POST, model=model)
    if not form.is_valid():
        context = _detail(model, retire_form=form)
        return render(request, "staff/model_detail.html", context, status=422)
    facts = {"reason": form.cleaned_data["reason"]}
    change = curation.propose_end(model, Kind.RETIRE, facts, by=request.user)
    return after_proposal(request, change, "", model_id)


def after_proposal(
    request: StaffRequest, change: ModelChange | None, done: str, model_id: uuid.UUID
) -> HttpResponse:
    """Say that a change is done, or that a colleague has to approve it, and lead on."""
    if change is None:
        messages.success(request, done)
        return redirect("staff:model-detail", model_id=model_id)
    messages.success(request, _("It is proposed. Customers see it once a colleague approves."))
    return redirect("staff:change-detail", change_id=change.pk)


def show_refusal(form: BaseForm, refusal: DomainError) -> None:
    """Put a service's refusal at the fields it names, or above the form."""
    for field, sentences in refusal.field_errors.items():
        form.add_error(field if field in form.fields else None, [str(it) for it in sentences])
    if not refusal.field_errors:
        form.add_error(None, str(refusal.detail))
