"""The operator's desk: what is left of bought bundles, paid back under four eyes."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing.credit_forms import ReasonForm
from billing.models import Order, Refund
from billing.services import refunds
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-corrections"


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def propose(request: StaffRequest, order_id: uuid.UUID) -> HttpResponse:
    """Say what would go back of a purchase, and propose that with a reason."""
    order = get_object_or_404(Order.objects.select_related("organization"), pk=order_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            refunds.propose(order, words=form.cleaned_data["reason"], by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Proposed; somebody else has to approve it."))
            return redirect("staff:correction-desk")
    context = {
        "order": order,
        "organization": order.organization,
        "left": refunds.refundable(order),
        "form": form,
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/refund_form.html", context, status=status)


@require_POST
@staff_required
def decide(request: StaffRequest, refund_id: uuid.UUID) -> HttpResponse:
    """Approve a refund, refuse it, or send again, or by the bank, what the provider refused."""
    refund = get_object_or_404(Refund, pk=refund_id)
    if "refuse" in request.POST:
        refunds.refuse(refund, by=request.user)
        messages.success(request, _("The proposal is closed; nothing has changed."))
    elif "retry" in request.POST:
        refunds.retry(refund, by=request.user)
        messages.success(request, _("It is sent once more."))
    elif "keep" in request.POST:
        refunds.keep(refund, by=request.user)
        messages.success(request, _("The money is kept for the customer; pay it out by transfer."))
    else:
        is_kept = refunds.approve(refund, by=request.user).status == Refund.Status.KEPT
        sent = _("The credit is taken back and the money is on its way.")
        kept = _("The credit is taken back; pay the money out by bank transfer.")
        messages.success(request, kept if is_kept else sent)
    return redirect("staff:correction-desk")
