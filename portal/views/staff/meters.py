"""The operator's desk: how receipts are sealed, and what meters have told twice, and not alike."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing import seal_standing
from portal import conflicts
from tenants.access import StaffRequest, staff_required


@require_safe
@staff_required
def conflict_list(request: StaffRequest) -> HttpResponse:
    """Show how far receipts are sealed, and list the contradictions, newest first."""
    before = _key(request.GET.get("before", ""))
    context = {
        "sealing": seal_standing.standing(),
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
