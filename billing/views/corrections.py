"""The dispute desk: disputes, corrections under four eyes, and months held for a person."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import agreements, chargebacks, documents, late_months, paying, quarrels
from billing.correction_forms import AnswerForm, CorrectionForm
from billing.models import Correction, Dispute, Invoice
from billing.services import corrections, credit_notes, disputes
from common.errors import DomainError
from common.money import Money
from tenants.access import StaffRequest, staff_required

SECTION = "staff-corrections"


@require_safe
@staff_required
def desk(request: StaffRequest) -> HttpResponse:
    """Show what waits for a decision, and what was decided last."""
    context = {
        "disputes": quarrels.every_dispute().waiting().order_by("created_at"),
        "holds": quarrels.holds().waiting().order_by("created_at"),
        "proposed": quarrels.corrections().waiting().order_by("created_at"),
        "refunds": quarrels.refunds()[:50],
        "chargebacks": chargebacks.every()[:50],
        "surpluses": paying.desk(),
        "drafts": agreements.every().drafts().order_by("created_at"),
        "ends": agreements.ends().waiting(),
        "late_months": late_months.every().undecided(),
        "decided": quarrels.corrections().exclude(status=Correction.Status.PROPOSED)[:20],
        "nav_section": SECTION,
    }
    return render(request, "staff/correction_desk.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def dispute(request: StaffRequest, dispute_id: uuid.UUID) -> HttpResponse:
    """Show a dispute with its invoice, and refuse it with a reason."""
    found = get_object_or_404(quarrels.every_dispute(), pk=dispute_id)
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        disputes.refuse(found, by=request.user, answer=form.cleaned_data["answer"])
        messages.success(request, _("The dispute is refused; the customer is told why."))
        return redirect("staff:correction-desk")
    context = {
        "dispute": found,
        "form": form,
        "corrections": quarrels.corrections().filter(dispute=found),
        "is_proposed": _is_proposed(found.invoice),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/dispute.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def invoice(request: StaffRequest, invoice_id: uuid.UUID) -> HttpResponse:
    """Show a customer's invoice, and propose a correction of it."""
    found = get_object_or_404(Invoice.objects.select_related("organization"), pk=invoice_id)
    quarrel = _dispute(request, found)
    initial = {"line": quarrel.line_id, "amount": quarrel.claimed} if quarrel else {}
    posted = request.POST if request.method == "POST" else None
    form = CorrectionForm(posted, invoice=found, initial=initial)
    if form.is_valid():
        try:
            corrections.propose(found, by=request.user, dispute=quarrel, **form.facts())
        except DomainError as error:
            form.add_error("amount" if "amount" in error.field_errors else None, str(error.detail))
        else:
            messages.success(request, _("Proposed; somebody else has to approve it."))
            return redirect("staff:correction-desk")
    left = credit_notes.remainder(found)
    context = {
        "document": documents.of_invoice(found, found.organization.time_zone),
        "invoice": found,
        "dispute": quarrel,
        "form": form,
        "left": Money(left.total, found.currency),
        "chargebacks": chargebacks.of_invoice(found),
        "corrections": quarrels.corrections().filter(invoice=found),
        "is_proposed": _is_proposed(found),
        "nav_section": SECTION,
    }
    return render(request, "staff/invoice.html", context, status=422 if form.is_bound else 200)


def _is_proposed(invoice: Invoice) -> bool:
    """Whether a correction of the invoice waits: one does at a time."""
    return Correction.objects.waiting().filter(invoice=invoice).exists()


def _dispute(request: StaffRequest, invoice: Invoice) -> Dispute | None:
    """Return the open dispute that the address names, if it is about this invoice."""
    try:
        key = uuid.UUID(request.GET.get("dispute", ""))
    except ValueError:
        return None
    return Dispute.objects.waiting().filter(invoice=invoice, pk=key).first()


@require_POST
@staff_required
def approve(request: StaffRequest, correction_id: uuid.UUID) -> HttpResponse:
    """Carry out what somebody else proposed."""
    found = get_object_or_404(quarrels.corrections(), pk=correction_id)
    done = corrections.approve(found, by=request.user)
    number = done.credit_note.number if done.credit_note else done.invoice.number
    messages.success(request, _("Done: %(number)s.") % {"number": number})
    return redirect("staff:correction-desk")


@require_POST
@staff_required
def refuse(request: StaffRequest, correction_id: uuid.UUID) -> HttpResponse:
    """Close a proposal without effect."""
    found = get_object_or_404(quarrels.corrections(), pk=correction_id)
    corrections.refuse(found, by=request.user)
    messages.success(request, _("The proposal is closed; nothing has changed."))
    return redirect("staff:correction-desk")
