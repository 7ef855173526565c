"""The operator's desk: who invoices, and on which terms each customer is invoiced."""

import copy

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing.issuer_forms import IssuerForm, NewIssuerForm, TermsForm
from billing.models import Issuer
from billing.services import currencies, issuers, profiles
from tenants.access import StaffRequest, staff_required
from tenants.models import Organization

SECTION = "staff-issuer"


@require_safe
@staff_required
def issuer_list(request: StaffRequest) -> HttpResponse:
    """List the legal entities that invoice."""
    found = Issuer.objects.order_by("-is_default", "code")
    return render(request, "staff/issuer_list.html", {"issuers": found, "nav_section": SECTION})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def issuer_create(request: StaffRequest) -> HttpResponse:
    """Add a legal entity; it invoices those it is chosen for."""
    form = NewIssuerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        issuers.create(form.facts(), by=request.user)
        messages.success(request, _("Added; choose it for the customers that it invoices."))
        return redirect("staff:issuer-list")
    return _issuer_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def issuer(request: StaffRequest, code: str) -> HttpResponse:
    """Show a legal entity, and change it for the documents to come."""
    found = get_object_or_404(Issuer, code=code)
    form = IssuerForm(request.POST if request.method == "POST" else None, instance=copy.copy(found))
    if form.is_valid():
        issuers.change(found, form.facts(), by=request.user)
        messages.success(request, _("The legal entity is saved; new documents name it like this."))
        return redirect("staff:issuer-list")
    return _issuer_page(request, form, found)


def _issuer_page(
    request: StaffRequest, form: IssuerForm, found: Issuer | None = None
) -> HttpResponse:
    context = {"form": form, "issuer": found, "nav_section": SECTION}
    return render(request, "staff/issuer.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def terms(request: StaffRequest, slug: str) -> HttpResponse:
    """Show and change the tax and the issuer of a customer's documents, and its VAT number's state."""
    organization = get_object_or_404(Organization, slug=slug)
    profile = profiles.of(organization)
    posted = request.POST if request.method == "POST" else None
    form = TermsForm(posted, instance=copy.copy(profile))
    if form.is_valid():
        profiles.decide(organization, by=request.user, facts=form.facts())
        currencies.choose(organization, form.cleaned_data["currency"], by=request.user)
        messages.success(request, _("Saved; documents from now on are written like this."))
        return redirect("staff:customer-detail", slug=slug)
    context = {
        "form": form,
        "organization": organization,
        "profile": profile,
        "nav_section": "staff-customers",
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/customer_terms.html", context, status=status)
