"""The operator's desk: what customers of an offer are promised."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from common.errors import DomainError
from marketplace import desk
from marketplace.forms.levels import ServiceLevelForm, initial
from marketplace.services import levels
from marketplace.views.staff_models import SECTION, show_refusal
from tenants.access import StaffRequest, staff_required


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def level_propose(request: StaffRequest, offer_id: uuid.UUID) -> HttpResponse:
    """Show what was promised so far, and propose another level."""
    offer = get_object_or_404(desk.offers(), pk=offer_id)
    form = ServiceLevelForm(request.POST or None, initial=initial(levels.present(offer)))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            change = levels.propose(
                offer,
                form.facts(),
                by=request.user,
                words=said["words"],
                takes_effect_at=said["takes_effect_at"],
            )
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("It is proposed. It holds once a colleague approves."))
            return redirect("staff:change-detail", change_id=change.pk)
    context = {
        "offer": offer,
        "model": offer.model_version.model,
        "form": form,
        "levels": offer.service_levels.select_related("proposed_by", "approved_by").newest_first(),
        "nav_section": SECTION,
    }
    return render(request, "staff/level_form.html", context, status=422 if form.is_bound else 200)
