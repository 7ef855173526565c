"""Statements of account: the months, and each as page, PDF and CSV."""

import io

from defusedcsv import csv
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import account_statements, pdf
from tenants.access import TenantRequest, requires
from tenants.models import Permission

SECTION = "invoices"


@require_safe
@requires(Permission.BILLING_READ)
def statement_list(request: TenantRequest) -> HttpResponse:
    """List the months there are statements of, the running one first."""
    context = {
        "months": account_statements.months(request.organization),
        "crumbs": [(_("Invoices"), _invoices(request))],
        "nav_section": SECTION,
    }
    return render(request, "billing/statement_list.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def statement_detail(request: TenantRequest, month: str) -> HttpResponse:
    """Show what a month did to the account."""
    statements = reverse("billing:statement-list", args=[request.organization.slug])
    context = {
        "month": account_statements.month(request.organization, month),
        "crumbs": [(_("Invoices"), _invoices(request)), (_("Statements"), statements)],
        "nav_section": SECTION,
    }
    return render(request, "billing/statement_detail.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def statement_pdf(request: TenantRequest, month: str) -> HttpResponse:
    """Download the same as PDF."""
    found = account_statements.month(request.organization, month)
    return HttpResponse(
        pdf.statement(found),
        content_type="application/pdf",
        headers=_saved_as(request, f"{month}.pdf"),
    )


@require_safe
@requires(Permission.BILLING_READ)
def statement_csv(request: TenantRequest, month: str) -> HttpResponse:
    """Download the same as CSV."""
    file = io.StringIO()
    found = account_statements.month(request.organization, month)
    csv.writer(file).writerows(account_statements.csv_rows(found))
    return HttpResponse(
        file.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers=_saved_as(request, f"{month}.csv"),
    )


def _saved_as(request: TenantRequest, name: str) -> dict[str, str]:
    name = f"statement-{request.organization.slug}-{name}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _invoices(request: TenantRequest) -> str:
    return reverse("billing:invoice-list", args=[request.organization.slug])
