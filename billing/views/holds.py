"""The desk of held invoices: why each waits, and how it goes on."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing import documents, periods, quarrels
from billing.correction_forms import ReleaseForm
from billing.models import InvoiceHold
from billing.services import holding
from tenants.access import StaffRequest, staff_required


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def hold(request: StaffRequest, hold_id: uuid.UUID) -> HttpResponse:
    """Show why an invoice is held, and let it go with a reason."""
    found = get_object_or_404(quarrels.holds(), pk=hold_id)
    form = ReleaseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        holding.release(found, by=request.user, words=form.cleaned_data["words"])
        messages.success(request, _("Let go; the invoice gets its number in a moment."))
        return redirect("staff:correction-desk")
    context = {
        "hold": found,
        "findings": quarrels.findings(found),
        "form": form,
        "nav_section": "staff-corrections",
        **_subject(found),
    }
    return render(request, "staff/invoice_hold.html", context, status=422 if form.is_bound else 200)


def _subject(hold: InvoiceHold) -> dict[str, object]:
    """Return what it is of, and the month as it would be invoiced now."""
    if hold.order is not None:
        return {"subject": hold.order.bundle_name}
    assert hold.period_start is not None  # noqa: S101 - the constraint: a month or an order
    period = periods.containing(hold.period_start, hold.organization.time_zone)
    return {"subject": period.label, "document": documents.of_draft(hold.organization, period)}


@require_POST
@staff_required
def check(request: StaffRequest, hold_id: uuid.UUID) -> HttpResponse:
    """Have the invoice made and checked anew."""
    found = get_object_or_404(quarrels.holds(), pk=hold_id)
    holding.check_again(found, by=request.user)
    messages.success(request, _("It is being checked; what is still wrong appears here again."))
    return redirect("staff:correction-desk")
