"""Invoices: the list, one of them or the running month's draft, and either as PDF."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing import pdf, periods, shop
from billing.models import Invoice
from billing.services import invoicing
from tenants.access import TenantRequest, requires
from tenants.models import Organization, Permission


@require_safe
@requires(Permission.BILLING_READ)
def invoice_list(request: TenantRequest) -> HttpResponse:
    """List the running month's draft and every invoice, newest first."""
    organization = request.organization
    current = periods.containing(timezone.now(), organization.time_zone)
    context = {
        "draft": invoicing.draft(organization, current),
        "period": current,
        "invoices": shop.invoices(organization),
        "nav_section": "invoices",
    }
    return render(request, "billing/invoice_list.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def invoice_detail(request: TenantRequest, number: str) -> HttpResponse:
    """Show an invoice by its number, or a month's draft by ``2026-03``."""
    context = _document(request.organization, number) | {"nav_section": "invoices"}
    return render(request, "billing/invoice_detail.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def invoice_pdf(request: TenantRequest, number: str) -> HttpResponse:
    """Download the same as PDF."""
    body = pdf.invoice(_document(request.organization, number))
    name = f"draft-{number}" if len(number) == len("2026-03") else number
    return HttpResponse(
        body,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'},
    )


def _document(organization: Organization, number: str) -> dict[str, Any]:
    try:
        period = periods.parse(number, organization.time_zone)
    except ValueError:
        return _final(organization, number)
    if period.start > timezone.now():
        raise Http404
    draft = invoicing.draft(organization, period)
    return {
        "is_draft": True,
        "reference": number,
        "period": period,
        "document": draft,
        "lines": draft.lines,
        "rounding": draft.rounding,
        "seller": invoicing.default_issuer().snapshot(),
        "buyer": invoicing.buyer_of(organization),
    }


def _final(organization: Organization, number: str) -> dict[str, Any]:
    invoice: Invoice = get_object_or_404(shop.invoices(organization), number=number)
    return {
        "is_draft": False,
        "reference": number,
        "invoice": invoice,
        "document": invoice,
        "lines": invoice.lines.all(),
        "rounding": invoice.net - invoice.exact_net,
        "seller": invoice.seller,
        "buyer": invoice.buyer,
    }
