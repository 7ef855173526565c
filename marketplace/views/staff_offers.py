"""The operator's desk: the terms of an offer, and the servers that answer for it."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from common.errors import DomainError
from marketplace import desk, trials
from marketplace.forms.models import RouteForm, RouteNameForm, ShareForm, TermsForm
from marketplace.models import Offer, ServerChange
from marketplace.services import curation, server_changes
from marketplace.views.staff_models import SECTION, after_proposal, show_refusal
from tenants.access import StaffRequest, staff_required


def _offer(offer_id: uuid.UUID) -> Offer:
    return get_object_or_404(desk.offers(), pk=offer_id)


def _page(
    request: StaffRequest, offer: Offer, *, form: TermsForm, route_form: RouteForm, status: int
) -> HttpResponse:
    routes = list(offer.routes.select_related("upstream"))
    context = {
        "offer": offer,
        "model": offer.model_version.model,
        "routes": [it for it in routes if not it.is_on_trial],
        "comparisons": trials.comparisons(routes),
        "is_watched": Offer.objects.watched().filter(pk=offer.pk).exists(),
        "changes": ServerChange.objects.waiting().of(offer),
        "form": form,
        "route_form": route_form,
        "nav_section": SECTION,
    }
    return render(request, "staff/offer_form.html", context, status=status)


def _after(
    request: StaffRequest, offer_id: uuid.UUID, change: ServerChange | None, words: str
) -> HttpResponse:
    """Say what is done, or show what waits for a second person."""
    if change is not None:
        messages.info(request, _("Where requests go waits for the approval of a colleague."))
        return redirect("staff:server-change", change_id=change.pk)
    messages.success(request, words)
    return redirect("staff:offer-edit", offer_id=offer_id)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def offer_edit(request: StaffRequest, offer_id: uuid.UUID) -> HttpResponse:
    """Change an offer's limits and class of tokens."""
    offer = _offer(offer_id)
    form = TermsForm(request.POST or None, instance=offer)
    if request.method == "POST" and form.is_valid():
        try:
            change = curation.change_terms(offer, form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            model_id = offer.model_version.model_id
            return after_proposal(request, change, _("The terms are saved."), model_id)
    status = 422 if form.is_bound else 200
    return _page(
        request, _offer(offer_id), form=form, route_form=RouteForm(offer=offer), status=status
    )


@require_POST
@staff_required
def route_add(request: StaffRequest, offer_id: uuid.UUID) -> HttpResponse:
    """Let one more server answer for an offer."""
    offer = _offer(offer_id)
    form = RouteForm(request.POST, offer=offer)
    if form.is_valid():
        try:
            added = server_changes.add_way(offer, form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            change = added if isinstance(added, ServerChange) else None
            words = _("The server answers for the offer from now on.")
            return _after(request, offer_id, change, words)
    return _page(request, offer, form=TermsForm(instance=offer), route_form=form, status=422)


@require_POST
@staff_required
def route_rename(request: StaffRequest, offer_id: uuid.UUID, route_id: uuid.UUID) -> HttpResponse:
    """Correct what a server calls the model."""
    route = get_object_or_404(_offer(offer_id).routes.select_related("upstream"), pk=route_id)
    form = RouteNameForm(request.POST, instance=route)
    if not form.is_valid():
        messages.error(request, str(form.errors["upstream_model"][0]))
        return redirect("staff:offer-edit", offer_id=offer_id)
    try:
        name = form.cleaned_data["upstream_model"]
        change = server_changes.rename(route, name, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        words = _("The server is asked by this name within five seconds.")
        return _after(request, offer_id, change, words)
    return redirect("staff:offer-edit", offer_id=offer_id)


@require_POST
@staff_required
def route_remove(request: StaffRequest, offer_id: uuid.UUID, route_id: uuid.UUID) -> HttpResponse:
    """Ask a server no longer for an offer."""
    route = get_object_or_404(_offer(offer_id).routes.select_related("upstream"), pk=route_id)
    server_changes.remove_way(route, by=request.user)
    messages.success(request, _("The server is not asked for this offer any more."))
    return redirect("staff:offer-edit", offer_id=offer_id)


@require_POST
@staff_required
def route_share(request: StaffRequest, offer_id: uuid.UUID, route_id: uuid.UUID) -> HttpResponse:
    """Let a way on trial have more or less; none stops it."""
    route = get_object_or_404(_offer(offer_id).routes.select_related("upstream"), pk=route_id)
    form = ShareForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["share"][0]))
        return redirect("staff:offer-edit", offer_id=offer_id)
    share = form.cleaned_data["share"]
    change = server_changes.give(route, share, by=request.user)
    words = _("It gets this share within five seconds.")
    if not share:
        words = _("The trial is stopped within five seconds; its numbers stay.")
    return _after(request, offer_id, change, words)


@require_POST
@staff_required
def route_promote(request: StaffRequest, offer_id: uuid.UUID, route_id: uuid.UUID) -> HttpResponse:
    """Let a canary answer everything, the others when it fails."""
    route = get_object_or_404(_offer(offer_id).routes.select_related("upstream"), pk=route_id)
    change = server_changes.promote(route, by=request.user)
    words = _("It is asked first for every request within five seconds.")
    return _after(request, offer_id, change, words)
