"""The operator's desk: plans, whose terms contracts begin with."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import agreements
from billing.contract_forms import PlanForm
from billing.models import Plan
from billing.services import plans
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-plans"


@require_safe
@staff_required
def plan_list(request: StaffRequest) -> HttpResponse:
    """List the plans, and how many customers live by a contract that was made of each."""
    context = {"plans": agreements.plans(), "nav_section": SECTION}
    return render(request, "staff/plan_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def plan_create(request: StaffRequest) -> HttpResponse:
    """Write a plan down."""
    form = PlanForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            plans.open_plan(by=request.user, **form.facts())
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The plan is offered."))
            return redirect("staff:plan-list")
    return _form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def plan_edit(request: StaffRequest, code: str) -> HttpResponse:
    """Change what contracts to come are made of."""
    plan = get_object_or_404(Plan, code=code)
    form = PlanForm(request.POST if request.method == "POST" else None, instance=plan)
    if form.is_bound and form.is_valid():
        try:
            plans.change(plan, by=request.user, **form.facts())
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The plan is changed for contracts to come."))
            return redirect("staff:plan-list")
    return _form(request, form)


def _form(request: StaffRequest, form: PlanForm) -> HttpResponse:
    context = {
        "form": form,
        "plan": form.instance,
        "crumbs": [(_("Plans"), reverse("staff:plan-list"))],
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/plan_form.html", context, status=status)


@require_POST
@staff_required
def plan_offer(request: StaffRequest, code: str) -> HttpResponse:
    """Retire a plan, or offer it again."""
    plan = get_object_or_404(Plan, code=code)
    plan = plans.offer(plan, is_offered="offer" in request.POST, by=request.user)
    if plan.is_offered:
        messages.success(request, _("The plan is offered again."))
    else:
        messages.success(request, _("The plan is retired; contracts made of it run on."))
    return redirect("staff:plan-list")
