"""Disputes as the customer sees them: the list, a new one, one of them, and withdrawing it."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import quarrels
from billing.correction_forms import DisputeForm
from billing.services import disputes
from common.errors import DomainError
from tenants.access import TenantRequest, requires
from tenants.models import Permission

SECTION = "invoices"


@require_safe
@requires(Permission.BILLING_READ)
def dispute_list(request: TenantRequest) -> HttpResponse:
    """List the disputes, newest first."""
    slug = request.organization.slug
    context = {
        "disputes": quarrels.disputes(request.organization)[: quarrels.SHOWN],
        "crumbs": [(_("Invoices"), reverse("billing:invoice-list", args=[slug]))],
        "nav_section": SECTION,
    }
    return render(request, "billing/dispute_list.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def dispute_detail(request: TenantRequest, dispute_id: uuid.UUID) -> HttpResponse:
    """Show a dispute and how it ended."""
    dispute = get_object_or_404(quarrels.disputes(request.organization), pk=dispute_id)
    slug = request.organization.slug
    context = {
        "dispute": dispute,
        "credit_note": quarrels.credit_note_of(dispute),
        "may_manage": request.membership.can(Permission.BILLING_MANAGE),
        "crumbs": [
            (_("Invoices"), reverse("billing:invoice-list", args=[slug])),
            (_("Disputes"), reverse("billing:dispute-list", args=[slug])),
        ],
        "nav_section": SECTION,
    }
    return render(request, "billing/dispute_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE)
def dispute_open(request: TenantRequest, number: str) -> HttpResponse:
    """Object to an invoice or to a line of it."""
    invoice = get_object_or_404(quarrels.disputable(request.organization), number=number)
    posted = request.POST if request.method == "POST" else None
    form = DisputeForm(posted, invoice=invoice, initial={"line": request.GET.get("line")})
    if form.is_valid():
        try:
            dispute = disputes.open_(invoice, by=request.user, **form.facts())
        except DomainError as error:
            form.add_error("amount" if "amount" in error.field_errors else None, str(error.detail))
        else:
            messages.success(request, _("The dispute is open; you are told when it is decided."))
            return redirect(
                "billing:dispute-detail", org=request.organization.slug, dispute_id=dispute.pk
            )
    slug = request.organization.slug
    context = {
        "form": form,
        "invoice": invoice,
        "crumbs": [
            (_("Invoices"), reverse("billing:invoice-list", args=[slug])),
            (invoice.number, reverse("billing:invoice-detail", args=[slug, invoice.number])),
        ],
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "billing/dispute_form.html", context, status=status)


@require_POST
@requires(Permission.BILLING_MANAGE)
def dispute_withdraw(request: TenantRequest, dispute_id: uuid.UUID) -> HttpResponse:
    """Take an objection back while nobody has decided it."""
    dispute = get_object_or_404(quarrels.disputes(request.organization), pk=dispute_id)
    disputes.withdraw(dispute, by=request.user)
    messages.success(request, _("The dispute is withdrawn."))
    return redirect("billing:dispute-detail", org=request.organization.slug, dispute_id=dispute.pk)
