"""The operator's desk: what is overdue, by age, and what is done about it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing import overdue
from tenants.access import StaffRequest, staff_required


@require_safe
@staff_required
def queue(request: StaffRequest) -> HttpResponse:
    """Show what customers owe by age, and each overdue invoice with its stages."""
    context = {
        "aging": overdue.aging(),
        "queue": overdue.queue(),
        "nav_section": "staff-dunning",
    }
    return render(request, "staff/dunning.html", context)
