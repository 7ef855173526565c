"""The operator's desk: credit that a customer gets every month, and credit taken back."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.credit_forms import ReasonForm, RecurringForm
from billing.models import CreditGrant, RecurringGrant
from billing.services import credits, recurring
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required
from tenants.models import Organization

SECTION = "staff-customers"


@require_safe
@staff_required
def recurring_list(request: StaffRequest, slug: str) -> HttpResponse:
    """List what a customer gets every month, and what has ended."""
    organization = get_object_or_404(Organization, slug=slug)
    context = {
        "organization": organization,
        "recurring": organization.recurring_grants.select_related("token_class"),
        "nav_section": SECTION,
    }
    return render(request, "staff/recurring_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def recurring_begin(request: StaffRequest, slug: str) -> HttpResponse:
    """Grant a customer credit every month; a form sent twice begins it once."""
    organization = get_object_or_404(Organization, slug=slug)
    form = RecurringForm(
        request.POST if request.method == "POST" else None, currency=organization.currency
    )
    if form.is_valid():
        try:
            recurring.begin(organization, by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The credit is granted every month from now on."))
            return redirect("staff:recurring-list", slug=slug)
    context = {"form": form, "organization": organization, "nav_section": SECTION}
    status = 422 if form.is_bound else 200
    return render(request, "staff/recurring_form.html", context, status=status)


@require_POST
@staff_required
def recurring_end(request: StaffRequest, slug: str, recurring_id: uuid.UUID) -> HttpResponse:
    """Grant no further month."""
    found = get_object_or_404(RecurringGrant, organization__slug=slug, pk=recurring_id)
    recurring.end(found, by=request.user)
    messages.success(request, _("It has ended; what was granted for this month stays."))
    return redirect("staff:recurring-list", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def credit_void(request: StaffRequest, slug: str, grant_id: uuid.UUID) -> HttpResponse:
    """Take back what is left of credit that nobody paid for, with a reason."""
    gifts = CreditGrant.objects.gifts().filter(organization__slug=slug)
    given = get_object_or_404(gifts.select_related("organization", "wallet"), pk=grant_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        credits.void(given, by=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, _("The credit is taken back."))
        return redirect("staff:customer-detail", slug=slug)
    context = {
        "given": given,
        "form": form,
        "organization": given.organization,
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/credit_void.html", context, status=status)
