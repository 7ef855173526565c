"""The operator's desk: what is overdue, by age, what is done about it, and the usual stages."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import overdue, stages
from billing.contract_forms import StagesForm
from billing.services import dunning
from tenants.access import StaffRequest, staff_required


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def queue(request: StaffRequest) -> HttpResponse:
    """Show what customers owe by age and each overdue invoice with its stages; set the usual ones."""
    posted = request.POST if request.method == "POST" else None
    form = StagesForm(posted, initial={"stages": stages.written(dunning.usual())})
    if form.is_valid():
        dunning.set_stages(None, form.cleaned_data["stages"] or [], by=request.user)
        messages.success(request, _("The usual stages are saved."))
        return redirect("staff:dunning")
    context = {
        "aging": overdue.aging(),
        "queue": overdue.queue(),
        "form": form,
        "nav_section": "staff-dunning",
    }
    return render(request, "staff/dunning.html", context, status=422 if form.is_bound else 200)
