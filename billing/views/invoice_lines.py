"""A line of an invoice, day by day: from there to its requests and their receipts."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import evidence, shop
from common.money import Money
from tenants.access import TenantRequest, requires
from tenants.models import Permission


@require_safe
@requires(Permission.BILLING_READ)
def invoice_line(request: TenantRequest, number: str, position: int) -> HttpResponse:
    """Show what a line of usage comes to on each day."""
    organization = request.organization
    invoice = get_object_or_404(shop.invoices(organization), number=number)
    usage = invoice.lines.filter(kind="usage").select_related("invoice")
    line = get_object_or_404(usage, position=position)
    days = evidence.days(organization, line)
    context = {
        "invoice": invoice,
        "line": line,
        "days": days,
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
