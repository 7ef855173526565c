"""The operator's desk: prices."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.errors import DomainError
from marketplace import desk, history
from marketplace.forms.prices import DayForm, PriceForm
from marketplace.models import Offer, ServiceTier
from marketplace.services import curation
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-prices"


@require_safe
@staff_required
def price_list(request: StaffRequest) -> HttpResponse:
    """List what every offer costs now, and what will change."""
    context = {"entries": desk.price_list(), "nav_section": SECTION}
    return render(request, "staff/price_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def price_change(request: StaffRequest, offer_id: uuid.UUID) -> HttpResponse:
    """Rehearse prices on last month's usage, then set them; the history stands below the form."""
    offer = get_object_or_404(desk.offers(), pk=offer_id)
    day = DayForm(request.POST or request.GET, auto_id="day_%s")
    begins = day.cleaned_data["effective_from"] if day.is_valid() else None
    form = PriceForm(
        request.POST or None,
        present=history.present(offer, at=begins),
        batch=history.present(offer, service_tier=ServiceTier.BATCH, at=begins),
        initial={"effective_from": begins},
    )
    changes: list[history.Change] = []
    if request.method == "POST" and form.is_valid():
        changes = _rehearsed(offer, form)
        if not changes:
            form.add_error(None, _("These prices hold then anyway. Change at least one."))
        elif "confirmed" in request.POST and _set(request, offer, form, changes):
            return redirect("staff:price-change", offer_id=offer_id)
    context = {
        "offer": offer,
        "model": offer.model_version.model,
        "form": form,
        "day": day,
        "begins": begins,
        "changes": [] if form.errors else changes,
        "parts": history.of(offer),
        "nav_section": SECTION,
    }
    status = 422 if form.errors else 200
    return render(request, "staff/price_change.html", context, status=status)


def _rehearsed(offer: Offer, form: PriceForm) -> list[history.Change]:
    """Return what would change: for answers that come at once, then for batches."""
    at = form.cleaned_data["effective_from"]
    return history.rehearse_both(offer, form.per_million(), form.batch_per_million(), at)


def _set(
    request: StaffRequest, offer: Offer, form: PriceForm, changes: list[history.Change]
) -> bool:
    """Set the prices that change, or propose a rise without notice; a refusal is put on the form."""
    wanted = history.wanted(changes, form.batch_per_million())
    begins = form.cleaned_data["effective_from"]
    try:
        proposed = curation.set_prices(offer, *wanted, by=request.user, effective_from=begins)
    except DomainError as refusal:
        show_refusal(form, refusal)
        return False
    if proposed:
        messages.warning(request, _short())
    else:
        messages.success(request, _("The prices are set."))
    return True


def _short() -> str:
    words = _(
        "Customers are told of higher prices %(days)d days ahead. A colleague has to approve this "
        "under Model changes; until then nothing is different."
    )
    return words % {"days": settings.PRICE_NOTICE.days}
