"""The operator's desk: what models bring and cost, and what their GPUs are stated to cost."""

import io
import uuid
from decimal import Decimal

from defusedcsv import csv
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import margins
from billing.margin_forms import GpuCostForm
from billing.models import GpuCost
from billing.services import gpu_costs
from common.errors import DomainError
from common.money import Money
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-margins"
COLUMNS = (
    "month", "model", "currency", "tokens", "requests", "revenue", "gpu_hours", "cost", "margin",
    "cost_per_million", "break_even_tokens",
)  # fmt: skip


@require_safe
@staff_required
def margin_list(request: StaffRequest) -> HttpResponse:
    """Show what each model brought and cost in a month."""
    months = margins.months()
    context = {
        "month": margins.month(request.GET.get("month") or months[0]),
        "months": months,
        "nav_section": SECTION,
    }
    return render(request, "staff/margin_list.html", context)


@require_safe
@staff_required
def margins_csv(request: StaffRequest) -> HttpResponse:
    """Give the same as a file, to the last digit."""
    month = margins.month(request.GET.get("month") or margins.months()[0])
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for it in month.models:
        writer.writerow(
            (
                month.label, it.model, it.revenue.currency, it.tokens, it.requests,
                _plain(it.revenue), _plain(it.gpu_hours), _plain(it.cost), _plain(it.margin),
                _plain(it.cost_per_million), _plain(it.break_even_tokens),
            )
        )  # fmt: skip
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="margins-{month.label}.csv"'
    return response


def _plain(value: Money | Decimal | int | None) -> str:
    """Return all digits; nothing where nothing is stated."""
    if value is None:
        return ""
    amount = value.amount if isinstance(value, Money) else Decimal(value)
    return f"{amount.normalize():f}"


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def gpu_cost_list(request: StaffRequest) -> HttpResponse:
    """List what GPUs were stated to cost, and state it from a day on."""
    form = GpuCostForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            gpu_costs.state(by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The cost is stated."))
            return redirect("staff:gpu-cost-list")
    costs = GpuCost.objects.select_related("offer", "stated_by", "withdrawn_by")
    context = {
        "form": form,
        "costs": costs,
        "crumbs": [(_("Margins"), reverse("staff:margin-list"))],
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/gpu_cost_list.html", context, status=status)


@require_POST
@staff_required
def gpu_cost_withdraw(request: StaffRequest, cost_id: uuid.UUID) -> HttpResponse:
    """Take a statement back; it stays in the list."""
    gpu_costs.withdraw(get_object_or_404(GpuCost, pk=cost_id), by=request.user)
    messages.success(request, _("It is withdrawn; the one before holds on."))
    return redirect("staff:gpu-cost-list")
