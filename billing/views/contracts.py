"""Contracts: the customer reads theirs, staff draft and sign them."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import agreements
from billing.contract_forms import ContractForm, EndForm, OrderForm
from billing.models import Contract, ContractEnd, Plan
from billing.services import contracts, endings
from common.errors import DomainError, in_words
from common.money import Money
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, TenantRequest, requires, staff_required
from tenants.models import Organization, Permission

SECTION = "staff-customers"


@require_safe
@requires(Permission.BILLING_READ)
def contract(request: TenantRequest) -> HttpResponse:
    """Show what was agreed, what may be owed, and what is left of purchase orders."""
    organization = request.organization
    now = timezone.now()
    context = {
        "contract": agreements.in_force(organization, now),
        "coming": agreements.coming(organization, now),
        "owed": Money(agreements.owed(organization, organization.currency), organization.currency),
        "orders": agreements.purchase_orders(organization, now.date()),
        "nav_section": "contract",
    }
    return render(request, "billing/contract.html", context)


@require_safe
@staff_required
def contract_list(request: StaffRequest, slug: str) -> HttpResponse:
    """List a customer's contracts and purchase orders."""
    organization = get_object_or_404(Organization, slug=slug)
    return _listed(request, organization, OrderForm(currency=organization.currency))


def _listed(
    request: StaffRequest, organization: Organization, form: OrderForm, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    context = {
        "organization": organization,
        "contracts": agreements.of(organization),
        "ends": agreements.ends().filter(organization=organization)[:20],
        "plans": Plan.objects.filter(is_offered=True, currency=organization.currency),
        "now": now,
        "present": agreements.in_force(organization, now),
        "orders": agreements.purchase_orders(organization, now.date()),
        "form": form,
        "nav_section": SECTION,
    }
    return render(request, "staff/contract_list.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def contract_draft(request: StaffRequest, slug: str) -> HttpResponse:
    """Write down a contract; it says nothing until it is signed."""
    organization = get_object_or_404(Organization, slug=slug)
    blank = agreements.blank(organization, **_pattern(request, organization))
    form = ContractForm(request.POST if request.method == "POST" else None, instance=blank)
    if form.is_bound and form.is_valid():
        facts = form.facts() | {"currency": organization.currency, "plan": blank.plan}
        try:
            contracts.draft(organization, by=request.user, facts=facts)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request, _("The contract is drafted. It holds once a colleague signs it.")
            )
            return redirect("staff:contract-list", slug=slug)
    context = {
        "form": form,
        "organization": organization,
        "plans": Plan.objects.filter(is_offered=True, currency=organization.currency),
        "plan": blank.plan,
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/contract_form.html", context, status=status)


def _pattern(request: StaffRequest, organization: Organization) -> dict[str, Any]:
    """Return what the draft begins with: the terms of a plan, or of another contract."""
    if code := request.GET.get("plan"):
        offered = Plan.objects.filter(is_offered=True, currency=organization.currency)
        return {"plan": get_object_or_404(offered, code=code)}
    if key := request.GET.get("from"):
        return {"like": get_object_or_404(agreements.of(organization), number=key)}
    return {}


@require_POST
@staff_required
def contract_step(request: StaffRequest, slug: str, contract_id: uuid.UUID) -> HttpResponse:
    """Sign a draft, or throw it away."""
    found = get_object_or_404(Contract, organization__slug=slug, pk=contract_id)
    try:
        if "discard" in request.POST:
            contracts.discard(found, by=request.user)
            messages.success(request, _("The draft is gone."))
        else:
            contracts.sign(found, by=request.user, seen=request.POST.get("sign", ""))
            messages.success(
                request, _("The contract is signed; it changes in nothing but its end.")
            )
    except DomainError as refusal:
        messages.error(request, in_words(refusal))
    return redirect("staff:contract-list", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def contract_end(request: StaffRequest, slug: str, contract_id: uuid.UUID) -> HttpResponse:
    """Propose a contract's last day, and what follows."""
    active = Contract.objects.active().select_related("organization")
    found = get_object_or_404(active, organization__slug=slug, pk=contract_id)
    posted = request.POST if request.method == "POST" else None
    form = EndForm(posted, currency=found.currency)
    if form.is_valid():
        facts = form.cleaned_data
        try:
            endings.propose(
                found,
                on=facts["ends_on"],
                followed_by=facts["followed_by"],
                words=facts["words"],
                by=request.user,
            )
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Proposed; somebody else has to approve it."))
            return redirect("staff:contract-list", slug=slug)
    context = {
        "form": form,
        "contract": found,
        "organization": found.organization,
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/contract_end.html", context, status=status)


@require_POST
@staff_required
def contract_end_decide(request: StaffRequest, end_id: uuid.UUID) -> HttpResponse:
    """Approve or refuse what somebody else proposed."""
    ends = ContractEnd.objects.select_related("organization", "contract", "followed_by")
    found = get_object_or_404(ends, pk=end_id)
    try:
        if "approve" in request.POST:
            endings.approve(found, by=request.user, seen=request.POST["approve"])
            messages.success(request, _("The contract ends as proposed."))
        else:
            endings.refuse(found, by=request.user)
            messages.success(request, _("The proposal is closed; nothing has changed."))
    except DomainError as refusal:
        messages.error(request, in_words(refusal))
    return redirect("staff:contract-list", slug=found.organization.slug)


@require_POST
@staff_required
def order_add(request: StaffRequest, slug: str) -> HttpResponse:
    """Note a purchase order."""
    organization = get_object_or_404(Organization, slug=slug)
    form = OrderForm(request.POST, currency=organization.currency)
    if form.is_valid():
        try:
            contracts.add_order(organization, by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The purchase order is noted."))
            return redirect("staff:contract-list", slug=slug)
    return _listed(request, organization, form, status=422)
