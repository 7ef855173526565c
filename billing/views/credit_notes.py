"""Credit notes: one of them, and the same as PDF."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import documents, downloads, pdf
from billing.views.invoices import file_answer
from tenants.access import TenantRequest, requires
from tenants.models import Permission


@require_safe
@requires(Permission.BILLING_READ)
def credit_note_detail(request: TenantRequest, number: str) -> HttpResponse:
    """Show a credit note by its number."""
    document = documents.named_credit_note(request.organization, number)
    slug = request.organization.slug
    note = document.credit_note
    assert note is not None  # noqa: S101 - that is what was asked for
    invoice = reverse("billing:invoice-detail", args=[slug, note.invoice.number])
    context = {
        "document": document,
        "forms": downloads.offered(document),
        "crumbs": [
            (_("Invoices"), reverse("billing:invoice-list", args=[slug])),
            (note.invoice.number, invoice),
        ],
        "nav_section": "invoices",
    }
    return render(request, "billing/credit_note_detail.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def credit_note_pdf(request: TenantRequest, number: str) -> HttpResponse:
    """Download the same as PDF."""
    document = documents.named_credit_note(request.organization, number)
    return HttpResponse(
        pdf.invoice(document),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{document.file_name}"'},
    )


@require_safe
@requires(Permission.BILLING_READ)
def credit_note_file(request: TenantRequest, number: str, form: str) -> HttpResponse:
    """Download the same in another form: UBL, Factur-X, a workbook or CSV."""
    return file_answer(
        downloads.file(documents.named_credit_note(request.organization, number), form)
    )
