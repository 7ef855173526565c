"""The operator's desk: which file counts the tokens of a model's version."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from common.database import service
from common.errors import DomainError
from marketplace.forms.tokenizers import TokenizerForm
from marketplace.models import ModelVersion
from marketplace.services import tokenizers
from marketplace.views.staff_models import SECTION, show_refusal
from tenants.access import StaffRequest, staff_required, staff_required_outside


def _found(version_id: uuid.UUID) -> ModelVersion:
    return get_object_or_404(ModelVersion.objects.select_related("model"), pk=version_id)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required_outside
def tokenizer_attach(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Show what counts the version's tokens, and let another file do so."""
    with service():
        version = _found(version_id)
    form = TokenizerForm(request.POST, request.FILES) if request.method == "POST" else None
    if form is not None and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            tokenizers.attach(version, file, filename=file.name, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The tokenizer is attached. It counts within seconds."))
            return redirect("staff:model-detail", model_id=version.model_id)
    context = {
        "version": version,
        "model": version.model,
        "form": form or TokenizerForm(),
        "nav_section": SECTION,
    }
    with service():
        status = 200 if form is None else 422
        return render(request, "staff/tokenizer_form.html", context, status=status)


@require_POST
@staff_required
def tokenizer_remove(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Let bytes count for the version again."""
    version = _found(version_id)
    tokenizers.remove(version, by=request.user)
    messages.success(request, _("The tokenizer is taken away. Bytes count within seconds."))
    return redirect("staff:model-detail", model_id=version.model_id)
