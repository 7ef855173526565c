"""A line of an invoice, day by day: from there to its requests and their receipts."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import documents, reading, shop
from billing.evidence import Day
from billing.models import InvoiceLine
from common.money import Money
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope


@require_safe
@requires(Permission.BILLING_READ, scoped=False)
def invoice_line(request: TenantRequest, number: str, position: int) -> HttpResponse:
    """Show what a line of usage comes to on each day."""
    with scope(request.organization):
        invoice = get_object_or_404(shop.invoices(request.organization), number=number)
        usage = invoice.lines.filter(kind="usage").select_related("invoice")
        line = get_object_or_404(usage, position=position)
    days = reading.days(request.organization, line)
    with scope(request.organization):
        return _page(request, line, days)


def _page(request: TenantRequest, line: InvoiceLine, days: list[Day]) -> HttpResponse:
    organization, invoice = request.organization, line.invoice
    number = invoice.number
    context = {
        "invoice": invoice,
        "line": line,
        "days": days,
        "is_of_hours": documents.is_of_hours(line),
        "tokens": sum(day.tokens for day in days),
        "exact": Money(line.exact_amount, invoice.currency),
        "amount": Money(line.amount, invoice.currency),
        "crumbs": [
            (_("Invoices"), reverse("billing:invoice-list", args=[organization.slug])),
            (number, reverse("billing:invoice-detail", args=[organization.slug, number])),
        ],
        "nav_section": "invoices",
    }
    return render(request, "billing/invoice_line_days.html", context)
