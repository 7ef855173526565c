"""The operator's desk: models."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from marketplace import showcase
from marketplace.forms import ModelForm, NewModelForm
from marketplace.models import AIModel
from marketplace.services import catalogue, publishing
from tenants.access import StaffRequest, staff_required

SECTION = "staff-models"


@require_safe
@staff_required
def model_list(request: StaffRequest) -> HttpResponse:
    """List every model, drafts and retired ones included."""
    models = showcase.all_models()
    return render(request, "staff/model_list.html", {"models": models, "nav_section": SECTION})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_create(request: StaffRequest) -> HttpResponse:
    """Add a model as a draft."""
    form = NewModelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            model = _add(form, request)
        except DomainError as error:
            for field, sentences in error.field_errors.items():
                form.add_error(field, [str(sentence) for sentence in sentences])
        else:
            return redirect("staff:model-detail", model_id=model.pk)
    context = {"form": form, "nav_section": SECTION}
    return render(request, "staff/model_form.html", context, status=422 if form.is_bound else 200)


def _add(form: NewModelForm, request: StaffRequest) -> AIModel:
    facts = form.cleaned_data
    terms = catalogue.Terms(
        upstream=facts["upstream"],
        upstream_model=facts["upstream_model"],
        version=facts["version"],
        quantization=facts["quantization"],
        token_class=facts["token_class"],
    )
    return catalogue.add(
        card={**form.card(), "slug": facts["slug"]},
        publisher_name=facts["publisher_name"],
        terms=terms,
        per_million=form.per_million(),
        by=request.user,
    )


@require_safe
@staff_required
def model_detail(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Show a model, what is missing before it can be sold, and the next step."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    context = {
        "model": model,
        "offers": showcase.offers_of(model),
        "missing": publishing.missing_for(model) if model.status == "draft" else [],
        "steps": publishing.ALLOWED[model.status],
        "nav_section": SECTION,
    }
    return render(request, "staff/model_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_edit(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Change what a model's card says."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    form = ModelForm(
        request.POST or None,
        instance=model,
        initial={"publisher_name": model.publisher.name},
    )
    if request.method == "POST" and form.is_valid():
        publisher = form.cleaned_data["publisher_name"]
        catalogue.edit(model, card=form.card(), publisher_name=publisher, by=request.user)
        messages.success(request, _("The card is saved."))
        return redirect("staff:model-detail", model_id=model_id)
    context = {"form": form, "model": model, "nav_section": SECTION}
    return render(request, "staff/model_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@staff_required
def model_publish(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Put a model on sale."""
    publishing.publish(get_object_or_404(AIModel, pk=model_id), by=request.user)
    messages.success(request, _("The model is on sale."))
    return redirect("staff:model-detail", model_id=model_id)


@require_POST
@staff_required
def model_deprecate(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Announce that a model will go."""
    publishing.deprecate(get_object_or_404(AIModel, pk=model_id), by=request.user)
    messages.success(request, _("The model is marked as deprecated; it can still be called."))
    return redirect("staff:model-detail", model_id=model_id)


@require_POST
@staff_required
def model_retire(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Take a model off sale for good."""
    publishing.retire(get_object_or_404(AIModel, pk=model_id), by=request.user)
    messages.success(request, _("The model is retired; calls to it are refused."))
    return redirect("staff:model-detail", model_id=model_id)
