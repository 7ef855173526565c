"""The operator's desk: whom a model is shown to."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from common.errors import DomainError
from marketplace import showcase, viewers
from marketplace.forms.viewers import ViewersForm, initial
from marketplace.services import curation
from marketplace.views.staff_models import SECTION, after_proposal, show_refusal
from tenants.access import StaffRequest, staff_required


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def model_viewers(request: StaffRequest, model_id: uuid.UUID) -> HttpResponse:
    """Choose who sees a model; of one that customers see, a colleague approves."""
    model = get_object_or_404(showcase.all_models(), pk=model_id)
    present = viewers.of(model)
    form = ViewersForm(request.POST or None, initial=initial(present))
    if request.method == "POST" and form.is_valid():
        try:
            change = curation.change_audience(model, form.chosen(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            return after_proposal(request, change, _("Saved."), model_id)
    context = {
        "form": form,
        "model": model,
        "present": present.words,
        "nav_section": SECTION,
    }
    return render(request, "staff/model_viewers.html", context, status=422 if form.errors else 200)
