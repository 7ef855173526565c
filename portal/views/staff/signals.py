"""The operator's desk: what looks like abuse, and what is decided about it."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing.models import Chargeback
from billing.services import spend_alarms
from common.errors import DomainError
from marketplace.queries import DEFAULT_CURRENCY
from marketplace.views.staff_models import show_refusal
from portal import signals
from portal.signal_forms import ActForm, AlarmForm, DismissForm, SignalFilter
from tenants.access import StaffRequest, staff_required
from tenants.models import AbuseSignal
from tenants.services import abuse

SECTION = "staff-signals"
PAGE_SIZE = 50


@require_safe
@staff_required
def signal_list(request: StaffRequest) -> HttpResponse:
    """List what nobody has decided about, the gravest first; filters stand in the address."""
    form = SignalFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    is_open = asked.get("state") != "decided"
    found = signals.found(kind=asked.get("kind", ""), is_open=is_open, text=asked.get("q", ""))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [(it, signals.spend(it.figures)) for it in page],
        "is_open": is_open,
        "is_filtered": any(asked.get(name) for name in ("kind", "q")),
        "alarms": spend_alarms.of_all(spend_alarms.currencies()).values(),
        "usual": DEFAULT_CURRENCY,
        "chargebacks": Chargeback.objects.waiting().count(),
        "nav_section": SECTION,
    }
    return render(
        request, "staff/signal_list.html", context, status=200 if form.is_valid() else 422
    )


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def signal_detail(request: StaffRequest, signal_id: uuid.UUID) -> HttpResponse:
    """Show what raised a signal and what is usual; dismiss it or act upon it."""
    rows = AbuseSignal.objects.select_related("organization", "api_key", "decided_by")
    signal = get_object_or_404(rows, pk=signal_id)
    seen = signals.seen(signal)
    posted = request.POST if request.method == "POST" else None
    is_acting = posted is not None and "act" in posted
    dismiss = DismissForm(None if is_acting else posted)
    act = ActForm(posted if is_acting else None, keys=[it.key for it in seen.keys])
    form = act if is_acting else dismiss
    if form.is_valid():
        return _decided(request, signal, form.cleaned_data, is_acting=is_acting)
    context = {
        "it": seen,
        "organization": signal.organization,
        "dismiss": dismiss,
        "act": act,
        "crumbs": _crumbs(),
        "nav_section": SECTION,
    }
    status = 422 if posted is not None else 200
    return render(request, "staff/signal_detail.html", context, status=status)


def _decided(
    request: StaffRequest, signal: AbuseSignal, facts: dict[str, Any], *, is_acting: bool
) -> HttpResponse:
    """Decide, and lead on: to the list, or back to the sign where it is refused."""
    decide = abuse.act if is_acting else abuse.dismiss
    try:
        decide(signal, by=request.user, **facts)
    except DomainError as refusal:
        # Whoever was first has closed it: there is no form any more to say it on.
        messages.warning(request, str(refusal.detail))
        return redirect("staff:signal-detail", signal_id=signal.pk)
    said = _("What you decided is done.") if is_acting else _("The sign is dismissed.")
    messages.success(request, said)
    return redirect("staff:signal-list")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def spend_alarm(request: StaffRequest, currency: str) -> HttpResponse:
    """Set from which amounts on spend in a currency is worth a look."""
    if currency not in spend_alarms.currencies():
        raise Http404
    alarm = spend_alarms.of(currency)
    initial = {name: getattr(alarm, name) for name in AlarmForm.base_fields}
    posted = request.POST if request.method == "POST" else None
    form = AlarmForm(posted, initial=initial)
    if form.is_valid():
        try:
            spend_alarms.set_for(currency, by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The amounts are saved; the next round keeps to them."))
            return redirect("staff:signal-list")
    context = {
        "form": form,
        "currency": currency,
        "usual": DEFAULT_CURRENCY,
        "is_set": alarm.is_set,
        "crumbs": _crumbs(),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/spend_alarm.html", context, status=status)


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Signs of abuse"), reverse("staff:signal-list"))]
