"""The operator's desk: what meters have told twice, and not alike."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal import conflicts
from tenants.access import StaffRequest, staff_required


@require_safe
@staff_required
def conflict_list(request: StaffRequest) -> HttpResponse:
    """List the contradictions, newest first."""
    before = _key(request.GET.get("before", ""))
    context = {
        "leaf": conflicts.leaf(before),
        "is_first": before is None,
        "nav_section": "staff-meters",
    }
    return render(request, "staff/conflict_list.html", context)


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
