"""The operator's desk: who waits to become a customer, and the policy that makes them wait."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import Conflict
from tenants.access import StaffRequest, staff_required
from tenants.models import SignUp, SignUpPolicy
from tenants.services import sign_ups
from tenants.sign_up_forms import PolicyForm, RefusalForm

SECTION = "staff-sign-ups"
PAGE_SIZE = 50
#: So many of the policies before are shown.
POLICIES = 20


@require_safe
@staff_required
def sign_up_list(request: StaffRequest) -> HttpResponse:
    """List who waits, the longest first, and what was decided, the newest first."""
    found = SignUp.objects.select_related("organization", "applicant", "decided_by")
    shown = "decided" if request.GET.get("show") == "decided" else "waiting"
    listed = found.waiting() if shown == "waiting" else found.decided().order_by("-decided_at")
    context = {
        "page": Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page")),
        "shown": shown,
        "policy": sign_ups.policy(),
        "nav_section": SECTION,
    }
    return render(request, "staff/sign_up_list.html", context)


@require_safe
@staff_required
def sign_up_detail(request: StaffRequest, sign_up_id: uuid.UUID) -> HttpResponse:
    """Show who founded what, where and what for, and let one of the staff decide."""
    return _shown(request, _sign_up(sign_up_id), RefusalForm())


def _sign_up(sign_up_id: uuid.UUID) -> SignUp:
    found = SignUp.objects.select_related("organization", "applicant", "decided_by")
    return get_object_or_404(found, pk=sign_up_id)


def _shown(
    request: StaffRequest, sign_up: SignUp, form: RefusalForm, status: int = 200
) -> HttpResponse:
    others = SignUp.objects.select_related("organization").exclude(pk=sign_up.pk)
    context = {
        "sign_up": sign_up,
        "is_verified": sign_ups.is_verified(sign_up.applicant),
        "others": others.filter(applicant=sign_up.applicant)[:POLICIES],
        "of_domain": others.filter(email__iendswith=f"@{sign_up.domain}").count(),
        "refuse_form": form,
        "nav_section": SECTION,
    }
    return render(request, "staff/sign_up_detail.html", context, status=status)


@require_POST
@staff_required
def sign_up_approve(request: StaffRequest, sign_up_id: uuid.UUID) -> HttpResponse:
    """Let an organization in."""
    sign_ups.approve(_sign_up(sign_up_id), by=request.user)
    messages.success(request, _("The organization is let in, and its founder is told."))
    return redirect("staff:sign-up-list")


@require_POST
@staff_required
def sign_up_refuse(request: StaffRequest, sign_up_id: uuid.UUID) -> HttpResponse:
    """Keep an organization out, for a reason that its people read."""
    sign_up, form = _sign_up(sign_up_id), RefusalForm(request.POST)
    if not form.is_valid():
        return _shown(request, sign_up, form, status=422)
    sign_ups.refuse(sign_up, reason=form.cleaned_data["reason"], by=request.user)
    messages.success(request, _("The organization is refused, and its founder is told."))
    return redirect("staff:sign-up-list")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def sign_up_policy(request: StaffRequest) -> HttpResponse:
    """Write who may sign up from now on; every policy before stays readable."""
    policy = sign_ups.policy()
    initial = {name: getattr(policy, name) for name in sign_ups.FIELDS}
    posted = request.POST if request.method == "POST" else None
    form = PolicyForm(posted, initial={**initial, "after": policy.number})
    if form.is_valid():
        try:
            sign_ups.write_policy(by=request.user, **form.facts())
        except Conflict:
            form.add_error(
                None, _("A colleague wrote another policy meanwhile. Reload, and read it first.")
            )
        else:
            messages.success(request, _("The policy holds for whoever signs up from now on."))
            return redirect("staff:sign-up-list")
    context = {
        "form": form,
        "policies": SignUpPolicy.objects.select_related("written_by")[:POLICIES],
        "nav_section": SECTION,
    }
    status = 422 if form.errors else 200
    return render(request, "staff/sign_up_policy.html", context, status=status)
