"""Invoices: the list, one of them or the running month's draft, either as PDF, and paying one."""

import contextlib

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing import chargebacks, downloads, exports, groups, paying, pdf, quarrels, reading, shop
from billing.documents import Document
from billing.forms import InvoiceFilter
from billing.models import Invoice, InvoiceCharge
from billing.payments.errors import PaymentUnavailable
from billing.reading import Running
from billing.services import charges
from common.errors import Conflict
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope

PAGE = 50


@require_safe
@requires(Permission.BILLING_READ, scoped=False)
def invoice_list(request: TenantRequest) -> HttpResponse:
    """List the running month's draft and the invoices the filter finds, newest first."""
    running = reading.running(request.organization)
    with scope(request.organization):
        return _list(request, _filter(request), running)


@require_safe
@requires(Permission.BILLING_READ, scoped=False)
def invoices_csv(request: TenantRequest) -> HttpResponse:
    """Download the invoices the same filter finds as CSV."""
    running = reading.running(request.organization)
    with scope(request.organization):
        form = _filter(request)
        return _file(request, form) if form.is_valid() else _list(request, form, running)


def _file(request: TenantRequest, form: InvoiceFilter) -> HttpResponse:
    name = f"invoices-{request.organization.slug}.csv"
    return HttpResponse(
        exports.invoices(shop.invoices(request.organization, **form.facts())),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _filter(request: TenantRequest) -> InvoiceFilter:
    return InvoiceFilter(request.GET, years=shop.invoice_years(request.organization))


def _list(request: TenantRequest, form: InvoiceFilter, running: Running) -> HttpResponse:
    organization = request.organization
    is_valid = form.is_valid()
    found = shop.invoices(organization, **form.facts()) if is_valid else ()
    context = {
        "form": form,
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "is_filtered": form.is_filtered,
        "running": running,
        "parts": groups.parts(organization) if not form.is_filtered else (),
        "surpluses": paying.surpluses(organization),
        "may_manage": request.membership.can(Permission.BILLING_MANAGE),
        "nav_section": "invoices",
    }
    return render(request, "billing/invoice_list.html", context, status=200 if is_valid else 422)


@require_safe
@requires(Permission.BILLING_READ, scoped=False)
def invoice_detail(request: TenantRequest, number: str) -> HttpResponse:
    """Show an invoice by its number, or a month's draft by ``2026-03``."""
    document = reading.document(request.organization, number)
    with scope(request.organization):
        return _detail(request, document)


def _detail(request: TenantRequest, document: Document) -> HttpResponse:
    organization = request.organization
    invoices = reverse("billing:invoice-list", args=[organization.slug])
    found = document.invoice
    can_manage = request.membership.can(Permission.BILLING_MANAGE)
    context = {
        "document": document,
        "forms": downloads.offered(document),
        "credit_notes": quarrels.credit_notes(organization).filter(invoice=found) if found else (),
        "usage_lines": found.lines.filter(kind="usage") if found else (),
        "disputes": quarrels.disputes(organization).filter(invoice=found) if found else (),
        "may_dispute": bool(found and found.kind == Invoice.Kind.USAGE and can_manage),
        "may_manage": can_manage,
        "chargebacks": chargebacks.of_invoice(found) if found else (),
        "paying": paying.of_invoice(found) if found and _is_paid_here(found) else None,
        "crumbs": [(_("Invoices"), invoices)],
        "nav_section": "invoices",
    }
    return render(request, "billing/invoice_detail.html", context)


def _is_paid_here(invoice: Invoice) -> bool:
    """Whether its page tells of payments: a purchase was paid, unless a bank took that back."""
    return invoice.kind == Invoice.Kind.USAGE or chargebacks.of_invoice(invoice).settled().exists()


@require_safe
@requires(Permission.BILLING_READ, scoped=False)
def invoice_pdf(request: TenantRequest, number: str) -> HttpResponse:
    """Download the same as PDF."""
    document = reading.document(request.organization, number)
    with scope(request.organization):
        content = pdf.invoice(document)
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{document.file_name}"'},
    )


@require_safe
@requires(Permission.BILLING_READ, scoped=False)
def invoice_file(request: TenantRequest, number: str, form: str) -> HttpResponse:
    """Download the same in another form: UBL, Factur-X, a workbook or CSV."""
    document = reading.document(request.organization, number)
    with scope(request.organization):
        return file_answer(downloads.file(document, form))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE, scoped=False)
def invoice_pay(request: TenantRequest, number: str) -> HttpResponse:
    """Lead to the page on which an invoice is paid; who comes back from there sees the invoice.

    A link in a mail leads on only to a payment that waits for its payer: looking begins none.
    """
    with scope(request.organization):
        invoice = get_object_or_404(Invoice, organization=request.organization, number=number)
        waiting = InvoiceCharge.objects.pending().filter(invoice=invoice).first()
    is_asked = waiting is not None and waiting.waits_for_payer
    if "returned" in request.GET:
        # Where the provider cannot be asked, the webhook will tell us.
        with contextlib.suppress(PaymentUnavailable):
            charges.refresh(invoice)
    elif request.method == "POST" or is_asked:
        try:
            return redirect(charges.open_page(invoice, by=request.user))
        except Conflict as refusal:
            messages.error(request, str(refusal.detail))
    return redirect("billing:invoice-detail", org=request.organization.slug, number=number)


def file_answer(file: downloads.File) -> HttpResponse:
    """Answer with a file to be saved."""
    return HttpResponse(
        file.content,
        content_type=file.content_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )
