"""The operator's desk: what new customers get to try, which a second person agrees to."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.models import TrialCredit, TrialTerms
from billing.services import trials
from billing.trial_forms import RefuseForm, TrialForm
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required
from tenants.models import Organization

SECTION = "staff-sign-ups"
PAGE_SIZE = 50


@require_safe
@staff_required
def trial_list(request: StaffRequest) -> HttpResponse:
    """List what holds in each currency, what waits for a second person, and what was decided."""
    found = TrialTerms.objects.select_related("proposed_by", "decided_by")
    # Of each currency the newest that was approved.
    holding = found.approved().order_by("currency", "-decided_at", "-id").distinct("currency")
    context = {
        "holding": holding,
        "waiting": found.waiting(),
        "page": Paginator(found.exclude(status=TrialTerms.Status.PROPOSED), PAGE_SIZE).get_page(
            request.GET.get("page")
        ),
        "given": TrialCredit.objects.filter(grant__isnull=False).count(),
        "nav_section": SECTION,
    }
    return render(request, "staff/trial_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def trial_propose(request: StaffRequest) -> HttpResponse:
    """Propose what new customers get from its approval on."""
    form = TrialForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            terms = trials.propose(by=request.user, **form.facts())
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("It is proposed. A colleague decides."))
            return redirect("staff:trial-detail", terms_id=terms.pk)
    context = {"form": form, "nav_section": SECTION}
    return render(request, "staff/trial_form.html", context, status=422 if form.errors else 200)


@require_safe
@staff_required
def trial_detail(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Show what is proposed, and let a second person decide."""
    return _shown(request, _terms(terms_id), RefuseForm())


def _terms(terms_id: uuid.UUID) -> TrialTerms:
    found = TrialTerms.objects.select_related("proposed_by", "decided_by")
    return get_object_or_404(found, pk=terms_id)


def _shown(
    request: StaffRequest, terms: TrialTerms, form: RefuseForm, status: int = 200
) -> HttpResponse:
    context = {
        "terms": terms,
        "holding": trials.in_force(terms.currency),
        "refuse_form": form,
        "nav_section": SECTION,
    }
    return render(request, "staff/trial_detail.html", context, status=status)


@require_POST
@staff_required
def trial_approve(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Let terms hold for whoever is let in from now on."""
    trials.approve(_terms(terms_id), by=request.user)
    messages.success(request, _("It holds for every organization that is let in from now on."))
    return redirect("staff:trial-list")


@require_POST
@staff_required
def trial_refuse(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Close a proposal, and say why."""
    terms, form = _terms(terms_id), RefuseForm(request.POST)
    if not form.is_valid():
        return _shown(request, terms, form, status=422)
    trials.refuse(terms, answer=form.cleaned_data["answer"], by=request.user)
    messages.success(request, _("It is refused; nothing has changed."))
    return redirect("staff:trial-detail", terms_id=terms_id)


@require_POST
@staff_required
def trial_take_back(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Close a proposal that nobody decided on."""
    trials.take_back(_terms(terms_id), by=request.user)
    messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:trial-list")


@require_POST
@staff_required
def first_limits_lift(request: StaffRequest, slug: str) -> HttpResponse:
    """Hold a customer no longer to what new ones may do."""
    organization = get_object_or_404(Organization, slug=slug)
    trials.lift(organization, by=request.user, reason="")
    messages.success(request, _("The first limits are lifted; gateways know within five seconds."))
    return redirect("staff:customer-limits", slug=slug)
