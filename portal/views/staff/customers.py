"""The operator's desk: customers, credit given to them, and who is shut out."""

import copy
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_stubs_ext import StrOrPromise

from billing.credit_forms import CreditForm
from billing.models import Budget
from billing.services import credits
from common.errors import DomainError
from marketplace.views.staff_models import show_refusal
from portal import customers, timeline
from portal.staff_forms import NoteForm, RestrictionForm, StatusForm
from tenants.access import StaffRequest, staff_required
from tenants.limit_forms import OrganizationLimitsForm
from tenants.models import CustomerNote, Organization, Restriction
from tenants.restriction_words import WORDS
from tenants.services import notes, organizations, restrictions

SECTION = "staff-customers"
PAGE_SIZE = 50
Status = Organization.Status
Level = Restriction.Level
#: What staff is told when it holds.
HELD: dict[str, StrOrPromise] = {
    Level.WARN: gettext_lazy("The customer is warned."),
    Level.NEW: gettext_lazy("The customer can begin nothing new from now on."),
    Level.ALL: gettext_lazy("The customer is suspended: calls are refused within five seconds."),
}


@require_safe
@staff_required
def customer_list(request: StaffRequest) -> HttpResponse:
    """List the customers with what they have and what they used this month."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    status = request.GET.get("status", "")
    status = status if status in Status.values else ""
    found = customers.organizations(text, status)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "customers": customers.customers(page.object_list),
        "page": page,
        "text": text,
        "status": status,
        "statuses": Status.choices,
        "nav_section": SECTION,
    }
    return render(request, "staff/customer_list.html", context)


@require_safe
@staff_required
def customer_detail(request: StaffRequest, slug: str) -> HttpResponse:
    """Show one customer from all sides."""
    organization = get_object_or_404(Organization, slug=slug)
    return _shown(request, organization, NoteForm())


def _shown(
    request: StaffRequest, organization: Organization, form: NoteForm, status: int = 200
) -> HttpResponse:
    context = {
        "it": customers.portrait(organization),
        "note_form": form,
        "nav_section": SECTION,
    }
    return render(request, "staff/customer_detail.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def credit_grant(request: StaffRequest, slug: str) -> HttpResponse:
    """Give a customer promotional credit, with a reason; a form sent twice gives it once."""
    organization = get_object_or_404(Organization, slug=slug)
    form = CreditForm(request.POST or None, currency=organization.currency)
    if request.method == "POST" and form.is_valid():
        credits.give(organization, by=request.user, **form.facts())
        messages.success(request, _("The credit is granted."))
        return redirect("staff:customer-detail", slug=slug)
    context = {"form": form, "organization": organization, "nav_section": SECTION}
    return render(request, "staff/credit_grant.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def customer_status(request: StaffRequest, slug: str) -> HttpResponse:
    """Warn a customer, stop what is new or everything, or undo it, with a reason.

    What the customer will read is shown first, where that is asked for.
    """
    organization = get_object_or_404(Organization, slug=slug)
    # Not "the other state": of two who press at once the second changes nothing.
    asked = request.POST.get("status") or request.GET.get("status")
    wanted = asked if asked in Status.values else _other(organization.status)
    kind = RestrictionForm if wanted == Status.SUSPENDED else StatusForm
    form = kind(request.POST or None)
    is_preview = "preview" in request.POST
    if request.method == "POST" and wanted == asked and form.is_valid() and not is_preview:
        facts = form.cleaned_data
        try:
            said = _held(request, organization, wanted, facts)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, said)
            return redirect("staff:customer-detail", slug=slug)
    context = {
        "form": form,
        "organization": organization,
        "wanted": wanted,
        "level": request.POST.get("level") or request.GET.get("level") or Level.ALL,
        "preview": _preview(form) if is_preview and form.is_valid() else None,
        "nav_section": SECTION,
    }
    status = 422 if form.errors or (form.is_bound and not is_preview) else 200
    return render(request, "staff/customer_status.html", context, status=status)


def _held(
    request: StaffRequest, organization: Organization, wanted: str, facts: dict[str, Any]
) -> str:
    """Do what is asked; return what to say of it."""
    if wanted == Status.SUSPENDED:
        made = restrictions.impose(organization, by=request.user, **facts)
        return str(HELD[made.level] if made.begun_at else _("It begins by itself when it is time."))
    level = request.POST.get("level")
    level = level if level in Level.values else Level.ALL
    restrictions.lift(organization, level=level, reason=facts["reason"], by=request.user)
    if level == Level.ALL:
        return _("The customer is active again.")
    return _("It is lifted, and the customer is told.")


def _preview(form: forms.Form) -> dict[str, Any]:
    """Return what the customer will read on their overview and in their mail."""
    if "level" not in form.cleaned_data:
        return {"words": None, "reason": form.cleaned_data["reason"]}
    return {"words": WORDS[form.cleaned_data["level"]], "reason": form.cleaned_data["reason"]}


@require_POST
@staff_required
def note_write(request: StaffRequest, slug: str) -> HttpResponse:
    """Keep a note about the customer, for staff alone."""
    organization = get_object_or_404(Organization, slug=slug)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _shown(request, organization, form, status=422)
    notes.write(organization, text=form.cleaned_data["text"], by=request.user)
    messages.success(request, _("The note is kept."))
    return redirect("staff:customer-detail", slug=slug)


@require_POST
@staff_required
def note_pin(request: StaffRequest, slug: str, note_id: uuid.UUID) -> HttpResponse:
    """Put a note above the others, or back among them."""
    note = get_object_or_404(CustomerNote, pk=note_id, organization__slug=slug)
    move = notes.unpin if request.POST.get("pinned") == "no" else notes.pin
    move(note, by=request.user)
    return redirect("staff:customer-detail", slug=slug)


@require_safe
@staff_required
def customer_timeline(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what happened with a customer, newest first; the kinds stand in the address."""
    organization = get_object_or_404(Organization, slug=slug)
    chosen = [kind for kind in request.GET.getlist("kind") if kind in timeline.KINDS]
    before = timeline.Mark.read(request.GET.get("before", ""))
    context = {
        "organization": organization,
        "leaf": timeline.leaf(organization, chosen, before),
        "kinds": [(kind, words, kind in chosen) for kind, words in timeline.KINDS.items()],
        "chosen": chosen,
        "is_first": before is None,
        "nav_section": SECTION,
    }
    return render(request, "staff/customer_timeline.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def customer_limits(request: StaffRequest, slug: str) -> HttpResponse:
    """Set how fast all of a customer's keys together may call."""
    organization = get_object_or_404(Organization, slug=slug)
    posted = request.POST if request.method == "POST" else None
    form = OrganizationLimitsForm(posted, instance=copy.copy(organization))
    if form.is_valid():
        organizations.change(organization, by=request.user, **form.cleaned_data)
        messages.success(request, _("The limits are saved; gateways know within five seconds."))
        return redirect("staff:customer-detail", slug=slug)
    context = {
        "form": form,
        "organization": organization,
        "first_spending": Budget.objects.open().filter(
            organization=organization, is_operators=True
        ),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/customer_limits.html", context, status=status)


def _other(status: str) -> str:
    return Status.ACTIVE if status == Status.SUSPENDED else Status.SUSPENDED
