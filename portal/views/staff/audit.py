"""The operator's desk: what was done, by staff and by everybody."""

import uuid

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants import audit_words
from tenants.access import StaffRequest, staff_required
from tenants.forms import AuditSearchForm
from tenants.models import AuditEntry
from tenants.queries import searched

PAGE = 50
#: What the operator did, or did on its own behalf.
OURS = Q(organization=None) | Q(actor_kind="staff")


@require_safe
@staff_required
def audit_log(request: StaffRequest) -> HttpResponse:
    """List what staff did, or what anybody did, newest first; the search stands in the address."""
    form = AuditSearchForm(request.GET)
    is_readable = form.is_valid()
    everybody = request.GET.get("who") == "everybody"
    # By key, which is in the order of time: no page has to sort the whole log.
    entries = AuditEntry.objects.select_related("organization").order_by("-id")
    if not everybody:
        entries = entries.filter(OURS)
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
