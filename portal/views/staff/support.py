"""The operator's desk: reading a customer's pages, asked for and answered, and leaving them again."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.database import service
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants import supporting
from tenants.access import StaffRequest, staff_required, staff_required_outside
from tenants.models import Organization, SupportAccess
from tenants.services import support
from tenants.support_forms import SupportForm

SECTION = "staff-customers"
SHOWN = 50
Way = SupportAccess.Way
State = SupportAccess.State


@require_safe
@staff_required
def support_list(request: StaffRequest) -> HttpResponse:
    """List who asks to be let in for an emergency, and who reads whose pages now."""
    found = SupportAccess.objects.select_related("organization", "supporter", "decided_by")
    context = {
        "waiting": found.waiting().filter(way=Way.EMERGENCY),
        "open": found.open(),
        "nav_section": SECTION,
    }
    return render(request, "staff/support_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def customer_support(request: StaffRequest, slug: str) -> HttpResponse:
    """Ask to read a customer's pages, and see what came of it."""
    organization = get_object_or_404(Organization, slug=slug)
    form = SupportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            support.ask(organization, by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("You have asked; whoever decides has been told."))
            return redirect("staff:customer-support", slug=slug)
    found = organization.support_accesses.select_related("supporter", "decided_by")
    context = {
        "form": form,
        "organization": organization,
        "accesses": found[:SHOWN],
        "open": list(found.open().values_list("pk", flat=True)),
        "waiting": list(found.waiting().values_list("pk", flat=True)),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/customer_support.html", context, status=status)


@require_POST
@staff_required_outside
def support_decide(request: StaffRequest, access_id: uuid.UUID, act: str) -> HttpResponseBase:
    """Answer somebody else's question in an emergency; customers answer all others."""
    access = _access(access_id)
    move = support.grant if act == "grant" else support.refuse
    move(access, by=request.user)
    said = _("They are let in.") if act == "grant" else _("They are not let in.")
    messages.success(request, said)
    return redirect("staff:support-list")


@require_POST
@staff_required_outside
def support_enter(request: StaffRequest, access_id: uuid.UUID) -> HttpResponseBase:
    """Open the customer's pages, from this session alone."""
    with service():
        found = SupportAccess.objects.open().select_related("organization")
        access = get_object_or_404(found, pk=access_id, supporter=request.user)
    supporting.enter(request, access)
    return redirect("portal:dashboard", org=access.organization.slug)


@require_POST
@staff_required_outside
def support_end(request: StaffRequest, access_id: uuid.UUID) -> HttpResponseBase:
    """Leave the customer's pages for good, or take a question back."""
    access = _access(access_id, supporter=request.user)
    support.end(access, by=request.user)
    supporting.leave(request, access.organization.slug)
    messages.success(request, _("You have left the customer's pages."))
    return redirect("staff:customer-detail", slug=access.organization.slug)


def _access(access_id: uuid.UUID, **facts: object) -> SupportAccess:
    with service():
        found = SupportAccess.objects.select_related("organization")
        return get_object_or_404(found, pk=access_id, **facts)
