"""The operator's desk: what is known of a model beyond its card."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.database import service
from common.errors import DomainError
from marketplace import dossiers, showcase
from marketplace.forms.dossiers import DossierFileForm, DossierForm
from marketplace.models import AIModel, Dossier, ModelChange
from marketplace.services import curation
from marketplace.services import dossiers as services
from marketplace.views.downloads import sent
from marketplace.views.staff_models import SECTION, after_proposal, show_refusal
from tenants.access import StaffRequest, staff_required, staff_required_outside


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_dossier(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Show a model's dossier, to be read, printed and changed."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    dossier = Dossier.objects.filter(model=model).first() or Dossier(model=model)
    form = DossierForm(request.POST or None, dossier=dossier)
    if request.method == "POST" and form.is_valid():
        facts = {**form.cleaned_data, "energy": dossiers.plain(form.cleaned_data["energy"])}
        try:
            change = curation.change_dossier(model, facts, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return after_proposal(request, change, _("The dossier is saved."), model_id)
    return _page(request, model, form=form, status=422 if form.errors else 200)


def _page(request: StaffRequest, model: AIModel, *, status: int, **facts: Any) -> HttpResponse:
    dossier = Dossier.objects.filter(model=model).first() or Dossier(model=model)
    context = {
        "model": model,
        "dossier": dossier,
        "evaluations": dossiers.evaluations(dossier.evaluations),
        "files": dossiers.files(model),
        "form": DossierForm(dossier=dossier),
        "file_form": DossierFileForm(),
        "nav_section": SECTION,
        **facts,
    }
    return render(request, "staff/dossier.html", context, status=status)


@require_POST
@staff_required_outside
def file_attach(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Keep a file with the dossier; staff alone reads it until it is shown to customers."""
    form = DossierFileForm(request.POST, request.FILES)
    if form.is_valid():
        facts = form.cleaned_data
        try:
            services.attach(model_id, facts["file"], about=facts["about"], by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The file is kept with the dossier."))
            return redirect("staff:model-dossier", model_id=model_id)
    with service():
        model = get_object_or_404(showcase.all_models(), pk=model_id)
        return _page(request, model, file_form=form, status=422)


@require_safe
@staff_required
def file_download(request: StaffRequest, model_id: uuid.UUID, sha256: str) -> HttpResponse:
    """Send a file of the dossier."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    found = [it for it in dossiers.files(model) if it.sha256 == sha256]
    if not found:
        raise Http404
    return sent(found[0])


@require_POST
@staff_required
def file_act(request: StaffRequest, model_id: uuid.UUID, sha256: str, act: str) -> HttpResponse:
    """Show a file to customers, show it no more, or take it out of the dossier."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    try:
        change = FILE_ACTS[act](model, sha256, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
        return redirect("staff:model-dossier", model_id=model_id)
    if change is not None:
        return after_proposal(request, change, "", model_id)
    messages.success(request, _("The dossier is saved."))
    return redirect("staff:model-dossier", model_id=model_id)


FILE_ACTS: dict[str, Callable[..., ModelChange | None]] = {
    "show": curation.show_file,
    "hide": curation.hide_file,
    "remove": services.remove,
}
