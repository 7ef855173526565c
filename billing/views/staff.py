"""The operator's desk: the legal entity that invoices."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing.forms import IssuerForm
from billing.services import invoicing, issuers
from tenants.access import StaffRequest, staff_required


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def issuer(request: StaffRequest) -> HttpResponse:
    """Show who invoices, and change it for the documents to come."""
    form = IssuerForm(request.POST or None, instance=invoicing.default_issuer())
    if request.method == "POST" and form.is_valid():
        issuers.change(form.facts(), by=request.user)
        messages.success(request, _("The legal entity is saved; new documents name it like this."))
        return redirect("staff:issuer")
    context = {"form": form, "nav_section": "staff-issuer"}
    return render(request, "staff/issuer.html", context, status=422 if form.is_bound else 200)
