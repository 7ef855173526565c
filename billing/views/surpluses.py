"""Money that no invoice asks for: the customer says what is done with it, staff pay it back."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.models import Payout, Surplus
from billing.payout_forms import PayoutForm, TransferredForm, WishForm
from billing.services import payouts, surpluses
from common.database import service
from common.errors import DomainError, in_words
from tenants.access import StaffRequest, TenantRequest, requires, staff_required
from tenants.models import Permission, User
from tenants.scope import scope


@require_POST
@requires(Permission.BILLING_MANAGE, scoped=False)
def choose(request: TenantRequest, surplus_id: uuid.UUID) -> HttpResponse:
    """Say whether invoices take it or it is paid back."""
    with scope(request.organization):
        mine = Surplus.objects.filter(organization=request.organization)
        surplus = get_object_or_404(mine, pk=surplus_id)
    with service():
        _choose(request, surplus)
    return redirect("billing:invoice-list", org=request.organization.slug)


@require_POST
@staff_required
def choose_for(request: StaffRequest, surplus_id: uuid.UUID) -> HttpResponse:
    """Note what the customer wants, for those who call or write."""
    _choose(request, get_object_or_404(Surplus, pk=surplus_id))
    return redirect("staff:correction-desk")


def _choose(request: TenantRequest | StaffRequest, surplus: Surplus) -> None:
    form = WishForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say what is to be done with it."))
        return
    wish, iban = Surplus.Wish(form.cleaned_data["wish"]), form.cleaned_data["iban"]
    try:
        surpluses.choose(surplus, wish, by=request.user, iban=iban)
    except DomainError as refusal:
        messages.error(request, in_words(refusal))
    else:
        messages.success(request, _("It is noted."))


@require_POST
@staff_required
def propose(request: StaffRequest, surplus_id: uuid.UUID) -> HttpResponse:
    """Propose to pay it back."""
    surplus = get_object_or_404(Surplus, pk=surplus_id)
    form = PayoutForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say which way it goes back, and why."))
        return redirect("staff:correction-desk")
    facts = form.cleaned_data
    try:
        payouts.propose(
            surplus,
            Payout.Way(facts["way"]),
            words=facts["words"],
            iban=facts["iban"],
            by=request.user,
        )
    except DomainError as refusal:
        messages.error(request, in_words(refusal))
    else:
        messages.success(request, _("Proposed; somebody else has to approve it."))
    return redirect("staff:correction-desk")


@require_POST
@staff_required
def decide(request: StaffRequest, payout_id: uuid.UUID) -> HttpResponse:
    """Approve or refuse a payout, or note what became of the transfer."""
    payout = get_object_or_404(Payout, pk=payout_id)
    try:
        messages.success(request, _decided(request, payout, request.user))
    except DomainError as refusal:
        messages.error(request, in_words(refusal))
    return redirect("staff:correction-desk")


def _decided(request: StaffRequest, payout: Payout, by: User) -> str:
    decision = request.POST.get("decision")
    if decision == "approve":
        payouts.approve(payout, by=by)
        return _("The money is on its way.")
    if decision == "transferred":
        form = TransferredForm(request.POST)
        if not form.is_valid():
            raise DomainError(_("Enter the bank's reference of the transfer."))
        payouts.transferred(payout, reference=form.cleaned_data["reference"], by=by)
        return _("It is noted.")
    if decision == "back":
        payouts.came_back(payout, why=_("The bank sent it back."), by=by)
        return _("It is the customer's again; choose another way.")
    payouts.refuse(payout, by=by)
    return _("The proposal is closed; nothing has changed.")
