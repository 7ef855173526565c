"""The operator's desk: pages that show several apps at once."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal import desk
from tenants.access import StaffRequest, staff_required

PAGE_SIZE = 50


@require_safe
@staff_required
def overview(request: StaffRequest) -> HttpResponse:
    """Show what is sold, to how many, and what waits for somebody."""
    context = {"overview": desk.overview(), "nav_section": "staff-overview"}
    return render(request, "staff/overview.html", context)


@require_safe
@staff_required
def customer_list(request: StaffRequest) -> HttpResponse:
    """List the customers with what they have and what they used this month."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    page = Paginator(desk.organizations(text), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "customers": desk.customers(page.object_list),
        "page": page,
        "text": text,
        "nav_section": "staff-customers",
    }
    return render(request, "staff/customer_list.html", context)
