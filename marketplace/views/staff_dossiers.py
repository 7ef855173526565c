"""The operator's desk: what is known of a model beyond its card."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from common.errors import DomainError
from marketplace import dossiers, showcase
from marketplace.forms.dossiers import DossierForm
from marketplace.models import Dossier
from marketplace.services import curation
from marketplace.views.staff_models import SECTION, after_proposal, show_refusal
from tenants.access import StaffRequest, staff_required


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
    context = {
        "model": model,
        "dossier": dossier,
        "evaluations": dossiers.evaluations(dossier.evaluations),
        "form": form,
        "nav_section": SECTION,
    }
    status = 422 if form.errors else 200
    return render(request, "staff/dossier.html", context, status=status)
