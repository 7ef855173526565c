"""The operator's desk: prices."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.errors import DomainError
from marketplace import showcase
from marketplace.forms import PriceForm
from marketplace.models import Offer
from marketplace.services import pricing
from tenants.access import StaffRequest, staff_required

SECTION = "staff-prices"


@require_safe
@staff_required
def price_list(request: StaffRequest) -> HttpResponse:
    """List what every offer on sale costs now."""
    context = {"offers": showcase.offers(), "nav_section": SECTION}
    return render(request, "staff/price_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def price_change(request: StaffRequest, offer_id: uuid.UUID) -> HttpResponse:
    """Set a price from a time on; the history stands below the form."""
    offer = get_object_or_404(Offer, pk=offer_id)
    form = PriceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            pricing.change(offer, **form.cleaned_data, by=request.user)
        except DomainError as error:
            form.add_error(None, str(error.detail))
        else:
            messages.success(request, _("The new price is set."))
            return redirect("staff:price-change", offer_id=offer_id)
    prices = offer.prices.select_related("book")
    context = {"offer": offer, "form": form, "prices": prices, "nav_section": SECTION}
    return render(request, "staff/price_change.html", context, status=422 if form.is_bound else 200)
