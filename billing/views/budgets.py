"""Budgets: how they stand, a new one, changing and closing one."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import standings
from billing.budget_forms import BudgetChangeForm, BudgetForm
from billing.services import budgeting
from tenants.access import TenantRequest, requires
from tenants.models import Permission

SECTION = "budgets"


@require_safe
@requires(Permission.BILLING_READ)
def budget_list(request: TenantRequest) -> HttpResponse:
    """Show how every budget stands."""
    context = {
        "standings": standings.of_organization(request.organization),
        "may_manage": request.membership.can(Permission.BILLING_MANAGE),
        "nav_section": SECTION,
    }
    return render(request, "billing/budget_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE)
def budget_create(request: TenantRequest) -> HttpResponse:
    """Make a budget."""
    posted = request.POST if request.method == "POST" else None
    form = BudgetForm(posted, organization=request.organization)
    if form.is_valid():
        budget = budgeting.create(request.organization, by=request.user, **form.facts())
        messages.success(request, _("“%(name)s” is made.") % {"name": budget.name})
        return redirect("billing:budget-list", org=request.organization.slug)
    return _form_page(request, form, _("New budget"))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE)
def budget_edit(request: TenantRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Change a budget's name, amount and what happens at its end."""
    budget = get_object_or_404(standings.open_budgets(request.organization), pk=budget_id)
    initial = {
        "name": budget.name,
        "amount": f"{budget.amount.normalize():f}",
        "is_hard": str(budget.is_hard),
        "thresholds": budget.thresholds,
    }
    posted = request.POST if request.method == "POST" else None
    form = BudgetChangeForm(posted, initial=initial, organization=request.organization)
    if form.is_valid():
        budgeting.change(budget, by=request.user, **form.cleaned_data)
        messages.success(request, _("“%(name)s” is saved.") % {"name": budget.name})
        return redirect("billing:budget-list", org=request.organization.slug)
    return _form_page(request, form, budget.name)


@require_POST
@requires(Permission.BILLING_MANAGE)
def budget_close(request: TenantRequest, budget_id: uuid.UUID) -> HttpResponse:
    """Let a budget count and stop nothing any more."""
    budget = get_object_or_404(standings.budgets(request.organization), pk=budget_id)
    budgeting.close(budget, by=request.user)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": budget.name})
    return redirect("billing:budget-list", org=request.organization.slug)


def _form_page(request: TenantRequest, form: BudgetChangeForm, title: str) -> HttpResponse:
    list_url = reverse("billing:budget-list", args=[request.organization.slug])
    context = {
        "form": form,
        "heading": title,
        "crumbs": [(_("Budgets"), list_url)],
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "billing/budget_form.html", context, status=status)
