"""The operator's desk: what was done, by staff and by everybody."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants import audit_words
from tenants.access import StaffRequest, staff_required
from tenants.forms import AuditSearchForm
from tenants.queries import operator_entries, searched

PAGE = 50


@require_safe
@staff_required
def audit_log(request: StaffRequest) -> HttpResponse:
    """List what staff did, or what anybody did, newest first; the search stands in the address."""
    form = AuditSearchForm(request.GET)
    is_readable = form.is_valid()
    everybody = request.GET.get("who") == "everybody"
    entries = operator_entries(everybody=everybody)
    customer = request.GET.get("customer", "").replace("\0", "")[:50]
    if customer:
        entries = entries.filter(organization__slug=customer)
    if before := _key(request.GET.get("before", "")):
        entries = entries.filter(id__lt=before)
    found = list(searched(entries, form.search())[: PAGE + 1]) if is_readable else []
    context = {
        "form": form,
        "rows": [audit_words.row(entry) for entry in found[:PAGE]],
        "everybody": everybody,
        "customer": customer,
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        "is_first": before is None,
        "nav_section": "staff-audit",
    }
    return render(request, "staff/audit_log.html", context, status=200 if is_readable else 422)


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
