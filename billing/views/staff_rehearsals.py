"""The operator's desk: past usage under a version of a price book, before it is published."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing import rehearsals, rehearsed_margins
from billing.models import Rehearsal
from billing.rehearsal_forms import RehearsalForm
from billing.services import rehearsing
from common.errors import DomainError
from common.htmx import render_page
from marketplace import bookshelf
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-books"
PAGE_SIZE = 50
SHOWN = 100
LISTED = 20
#: htmx stops asking.
DONE = 286


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def rehearsal_list(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """List the rehearsals of a version, and ask for one."""
    version = get_object_or_404(bookshelf.versions(), pk=version_id)
    form = RehearsalForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            rehearsal = rehearsing.ask(version, **form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request, _("A worker replays the usage; this page shows how far it is.")
            )
            return redirect("staff:rehearsal-detail", rehearsal_id=rehearsal.pk)
    found = rehearsals.all_of(version)[:LISTED]
    context = {
        "version": version,
        "book": version.book,
        "entries": [(it, rehearsals.total(it)) for it in found],
        "form": form,
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/rehearsal_list.html", context, status=status)


@require_safe
@staff_required
def rehearsal_detail(request: StaffRequest, rehearsal_id: uuid.UUID) -> HttpResponse:
    """Show how far a rehearsal is; once it is done, what it found."""
    rehearsal = _found(rehearsal_id)
    context: dict[str, Any] = {
        "rehearsal": rehearsal,
        "version": rehearsal.version,
        "book": rehearsal.version.book,
        "nav_section": SECTION,
    }
    if rehearsal.is_finished:
        context |= _result(request, rehearsal)
    status = DONE if request.htmx and rehearsal.is_finished else 200
    page = "staff/rehearsal_detail.html"
    return render_page(request, page, context, partial="rehearsal", status=status)


def _found(rehearsal_id: uuid.UUID) -> Rehearsal:
    found = Rehearsal.objects.select_related(
        "version__book__organization", "version__book__customer_group", "requested_by"
    )
    return get_object_or_404(found, pk=rehearsal_id)


def _result(request: StaffRequest, rehearsal: Rehearsal) -> dict[str, Any]:
    rows = rehearsals.by_customer(rehearsal)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    missing = rehearsals.unrated(rehearsal)
    prices = rehearsals.by_price(rehearsal)
    models = rehearsed_margins.of(rehearsal, prices)
    return {
        "total": rehearsals.total(rehearsal),
        "page": page,
        "customers": rehearsals.customers(rehearsal, list(page.object_list)),
        "touched": rehearsals.touched(rehearsal),
        "prices": prices,
        "models": models,
        "margin": rehearsed_margins.together(models),
        "unrated": missing[:SHOWN],
        "unrated_count": missing.count(),
        "is_stale": rehearsals.is_stale(rehearsal),
    }


@require_safe
@staff_required
def rehearsal_csv(request: StaffRequest, rehearsal_id: uuid.UUID) -> HttpResponse:
    """Give all that a rehearsal found as a file."""
    rehearsal = _found(rehearsal_id)
    response = HttpResponse(
        "".join(rehearsals.as_csv(rehearsal)), content_type="text/csv; charset=utf-8"
    )
    version = rehearsal.version
    months = f"{rehearsal.first_month}-{rehearsal.last_month}"
    name = f"{version.book.code}-{version.number}-{months}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
