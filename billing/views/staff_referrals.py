"""The operator's desk: customers who bring customers, and what they are credited for it."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.models import Referral, ReferralTerms
from billing.referral_forms import DecisionForm, ReferralTermsForm
from billing.services import referral_terms, referrals
from billing.trial_forms import RefuseForm
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-referrals"
PAGE_SIZE = 50
#: By the word of the button.
DECISIONS = {"hold": referrals.hold, "release": referrals.release, "refuse": referrals.refuse}


@require_safe
@staff_required
def referral_list(request: StaffRequest) -> HttpResponse:
    """List what holds, what waits for a second person, and who brought whom with what result."""
    terms = ReferralTerms.objects.select_related("proposed_by", "decided_by")
    found = Referral.objects.select_related("organization", "newcomer", "terms")
    if (state := request.GET.get("state", "")) in Referral.State:
        found = found.filter(state=state)
    context = {
        "holding": terms.approved().order_by("currency", "-decided_at", "-id").distinct("currency"),
        "waiting": terms.waiting(),
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "states": Referral.State.choices,
        "state": state,
        "nav_section": SECTION,
    }
    return render(request, "staff/referral_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def referral_detail(request: StaffRequest, referral_id: uuid.UUID) -> HttpResponse:
    """Show what came of a referral and why; hold it, let it go on, or refuse it."""
    found = Referral.objects.select_related(
        "organization", "newcomer", "terms", "order", "referrer_grant", "newcomer_grant"
    )
    referral = get_object_or_404(found, pk=referral_id)
    form = DecisionForm(request.POST or None)
    decide = DECISIONS.get(request.POST.get("decision", ""))
    if decide is not None and form.is_valid():
        try:
            decide(referral, note=form.cleaned_data["note"], by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("It is noted."))
            return redirect("staff:referral-detail", referral_id=referral_id)
    context = {"referral": referral, "form": form, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/referral_detail.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def referral_terms_propose(request: StaffRequest) -> HttpResponse:
    """Propose what both sides get from its approval on."""
    form = ReferralTermsForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            terms = referral_terms.propose(by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("It is proposed. A colleague decides."))
            return redirect("staff:referral-terms", terms_id=terms.pk)
    context = {"form": form, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/referral_form.html", context, status=status)


@require_safe
@staff_required
def referral_terms_detail(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Show what is proposed, and let a second person decide."""
    return _shown(request, _terms(terms_id), RefuseForm())


def _terms(terms_id: uuid.UUID) -> ReferralTerms:
    found = ReferralTerms.objects.select_related("proposed_by", "decided_by")
    return get_object_or_404(found, pk=terms_id)


def _shown(
    request: StaffRequest, terms: ReferralTerms, form: RefuseForm, status: int = 200
) -> HttpResponse:
    holding = referral_terms.in_force(terms.currency)
    context = {
        "terms": terms,
        "compared": [terms] if holding in (None, terms) else [holding, terms],
        "refuse_form": form,
        "nav_section": SECTION,
    }
    return render(request, "staff/referral_terms.html", context, status=status)


@require_POST
@staff_required
def referral_terms_approve(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Let terms hold for purchases from now on."""
    referral_terms.approve(_terms(terms_id), by=request.user)
    messages.success(request, _("It holds for every first purchase from now on."))
    return redirect("staff:referral-list")


@require_POST
@staff_required
def referral_terms_refuse(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Close a proposal, and say why."""
    terms, form = _terms(terms_id), RefuseForm(request.POST)
    if not form.is_valid():
        return _shown(request, terms, form, status=422)
    referral_terms.refuse(terms, answer=form.cleaned_data["answer"], by=request.user)
    messages.success(request, _("It is refused; nothing has changed."))
    return redirect("staff:referral-terms", terms_id=terms_id)


@require_POST
@staff_required
def referral_terms_take_back(request: StaffRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Close a proposal that nobody decided on."""
    referral_terms.take_back(_terms(terms_id), by=request.user)
    messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:referral-list")
