"""The operator's desk: how models answer, what was promised, and who will be credited."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing import service_board
from tenants.access import StaffRequest, staff_required

SECTION = "staff-service-levels"


@require_safe
@staff_required
def service_levels(request: StaffRequest) -> HttpResponse:
    """Show each model in each region: measured, promised, and what its GPUs carry."""
    context = {"board": service_board.board(), "nav_section": SECTION}
    return render(request, "staff/service_levels.html", context)
