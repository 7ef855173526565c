"""The operator's desk: bank statements, what waits for a person, payments under four eyes."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing import shop
from billing.bank_forms import AssignForm, AssignOrderForm, PaymentForm, SettleForm, StatementForm
from billing.models import BankLine, BankStatement, ManualPayment, Order
from billing.services import receiving, statements, transfers
from common.errors import DomainError
from tenants.access import StaffRequest, staff_required

SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def desk(request: StaffRequest) -> HttpResponse:
    """Show what waits for a person, and import a statement."""
    posted = request.method == "POST"
    form = StatementForm(request.POST, request.FILES) if posted else StatementForm()
    if posted and form.is_valid() and _imported(request, form):
        return redirect("staff:bank")
    return _page(request, form=form)


def _imported(request: StaffRequest, form: StatementForm) -> bool:
    file = form.cleaned_data["file"]
    try:
        statements.import_file(
            file.read(), name=file.name, by=request.user, account=form.cleaned_data["account"]
        )
    except DomainError as error:
        reasons = error.field_errors.get("file") or [error.detail]
        form.add_error("file", [str(reason) for reason in reasons])
        return False
    messages.success(request, _("The statement is imported."))
    return True


def _page(request: StaffRequest, **forms: Any) -> HttpResponse:
    proposed = ManualPayment.objects.filter(status=ManualPayment.Status.PROPOSED)
    context = {
        "form": StatementForm(),
        "payment_form": PaymentForm(),
        "waiting": BankLine.objects.waiting().select_related("statement")[:SHOWN],
        "lines": BankLine.objects.exclude(state=BankLine.State.WAITING)[:SHOWN],
        "ordered": shop.awaited_transfers()[:SHOWN],
        "statements": BankStatement.objects.all()[:20],
        "proposed": proposed.select_related("invoice__organization", "proposed_by"),
        "nav_section": "staff-bank",
        **forms,
    }
    is_bound = any(form.is_bound for form in forms.values())
    return render(request, "staff/bank.html", context, status=422 if is_bound else 200)


@require_POST
@staff_required
def assign(request: StaffRequest, line_id: uuid.UUID) -> HttpResponse:
    """Let a movement pay the invoice that was found."""
    form = AssignForm(request.POST)
    line = get_object_or_404(BankLine, pk=line_id)
    if refusal := _refused(form, line, request):
        messages.error(request, refusal)
    else:
        messages.success(request, _("The movement is assigned."))
    return redirect("staff:bank")


def _refused(form: AssignForm, line: BankLine, request: StaffRequest) -> str:
    """Assign the movement; return why not, where it cannot be."""
    if not form.is_valid():
        return str(form.errors["number"][0])
    try:
        statements.assign(line, form.cleaned_data["number"], by=request.user)
    except DomainError as refusal:
        return str(refusal.detail)
    return ""


@require_POST
@staff_required
def assign_order(request: StaffRequest, line_id: uuid.UUID) -> HttpResponse:
    """Let a movement pay the order that was found."""
    form = AssignOrderForm(request.POST)
    line = get_object_or_404(BankLine, pk=line_id)
    if not form.is_valid():
        messages.error(request, str(form.errors["reference"][0]))
        return redirect("staff:bank")
    try:
        statements.assign_order(line, form.cleaned_data["reference"], by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("The movement is assigned."))
    return redirect("staff:bank")


@require_POST
@staff_required
def give_up(request: StaffRequest, order_id: uuid.UUID) -> HttpResponse:
    """End an order that was paid in part."""
    transfers.give_up(get_object_or_404(Order, pk=order_id), by=request.user)
    messages.success(request, _("The order is ended; what came in is kept for the customer."))
    return redirect("staff:bank")


@require_POST
@staff_required
def settle(request: StaffRequest, line_id: uuid.UUID) -> HttpResponse:
    """Note what a movement is that pays no invoice."""
    form = SettleForm(request.POST)
    line = get_object_or_404(BankLine, pk=line_id)
    if form.is_valid():
        statements.settle(line, words=form.cleaned_data["words"], by=request.user)
        messages.success(request, _("The movement is settled."))
    else:
        messages.error(request, _("Say what the movement is."))
    return redirect("staff:bank")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def propose(request: StaffRequest) -> HttpResponse:
    """Enter a payment; somebody else approves it."""
    if request.method != "POST":
        # Whoever comes back to the address of a form that was refused.
        return _page(request)
    form = PaymentForm(request.POST)
    if not form.is_valid():
        return _page(request, payment_form=form)
    facts = form.cleaned_data
    try:
        receiving.propose(facts["number"], facts["amount"], words=facts["words"], by=request.user)
    except DomainError as error:
        form.add_error("amount", str(error.detail))
        return _page(request, payment_form=form)
    messages.success(request, _("The payment is entered; somebody else approves it."))
    return redirect("staff:bank")


@require_POST
@staff_required
def decide(request: StaffRequest, payment_id: uuid.UUID) -> HttpResponse:
    """Approve or refuse a payment that was entered."""
    payment = get_object_or_404(ManualPayment, pk=payment_id)
    if request.POST.get("decision") == "approve":
        receiving.approve(payment, by=request.user)
        messages.success(request, _("The payment is booked."))
    else:
        receiving.refuse(payment, by=request.user)
        messages.success(request, _("The payment is refused."))
    return redirect("staff:bank")
