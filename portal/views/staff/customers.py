"""The operator's desk: customers, credit given to them, and who is shut out."""

import copy

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing.credit_forms import CreditForm
from billing.services import credits
from portal import customers
from portal.staff_forms import StatusForm
from tenants.access import StaffRequest, staff_required
from tenants.limit_forms import OrganizationLimitsForm
from tenants.models import Organization
from tenants.services import organizations

SECTION = "staff-customers"
PAGE_SIZE = 50
Status = Organization.Status


@require_safe
@staff_required
def customer_list(request: StaffRequest) -> HttpResponse:
    """List the customers with what they have and what they used this month."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    status = request.GET.get("status", "")
    status = status if status in Status.values else ""
    found = customers.organizations(text, status)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "customers": customers.customers(page.object_list),
        "page": page,
        "text": text,
        "status": status,
        "statuses": Status.choices,
        "nav_section": SECTION,
    }
    return render(request, "staff/customer_list.html", context)


@require_safe
@staff_required
def customer_detail(request: StaffRequest, slug: str) -> HttpResponse:
    """Show one customer from all sides."""
    organization = get_object_or_404(Organization, slug=slug)
    context = {"it": customers.portrait(organization), "nav_section": SECTION}
    return render(request, "staff/customer_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def credit_grant(request: StaffRequest, slug: str) -> HttpResponse:
    """Give a customer promotional credit, with a reason; a form sent twice gives it once."""
    organization = get_object_or_404(Organization, slug=slug)
    form = CreditForm(request.POST or None, currency=organization.currency)
    if request.method == "POST" and form.is_valid():
        credits.give(organization, by=request.user, **form.facts())
        messages.success(request, _("The credit is granted."))
        return redirect("staff:customer-detail", slug=slug)
    context = {"form": form, "organization": organization, "nav_section": SECTION}
    return render(request, "staff/credit_grant.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def customer_status(request: StaffRequest, slug: str) -> HttpResponse:
    """Suspend a customer, also for a reason of staff's own, or let them in again, with a reason."""
    organization = get_object_or_404(Organization, slug=slug)
    # Not "the other state": of two who press at once the second changes nothing.
    asked = request.POST.get("status") or request.GET.get("status")
    wanted = asked if asked in Status.values else _other(organization.status)
    form = StatusForm(request.POST or None)
    if request.method == "POST" and wanted == asked and form.is_valid():
        move = organizations.suspend if wanted == Status.SUSPENDED else organizations.reactivate
        organization = move(organization, reason=form.cleaned_data["reason"], by=request.user)
        messages.success(request, _said(organization))
        return redirect("staff:customer-detail", slug=slug)
    context = {
        "form": form,
        "organization": organization,
        "wanted": wanted,
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/customer_status.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def customer_limits(request: StaffRequest, slug: str) -> HttpResponse:
    """Set how fast all of a customer's keys together may call."""
    organization = get_object_or_404(Organization, slug=slug)
    posted = request.POST if request.method == "POST" else None
    form = OrganizationLimitsForm(posted, instance=copy.copy(organization))
    if form.is_valid():
        organizations.change(organization, by=request.user, **form.cleaned_data)
        messages.success(request, _("The limits are saved; gateways know within five seconds."))
        return redirect("staff:customer-detail", slug=slug)
    context = {"form": form, "organization": organization, "nav_section": SECTION}
    status = 422 if form.is_bound else 200
    return render(request, "staff/customer_limits.html", context, status=status)


def _other(status: str) -> str:
    return Status.ACTIVE if status == Status.SUSPENDED else Status.SUSPENDED


def _said(organization: Organization) -> str:
    if organization.status == Status.SUSPENDED:
        return _("The customer is suspended: calls are refused within five seconds.")
    return _("The customer is active again.")
