"""The public pages: the catalogue, a model, and what everything costs."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from common import paging
from common.htmx import render_page
from marketplace import (
    access,
    applications,
    calculating,
    queries,
    readers,
    selection,
    side_by_side,
    similar,
    worked,
)
from marketplace.applications import Listed
from marketplace.forms.filters import FilterForm
from marketplace.listing import Listing
from marketplace.models import AIModel, Kind
from marketplace.readers import Reader
from marketplace.selection import Condition, Near
from marketplace.showcase import PricedOffer
from tenants.access import LAST_ORGANIZATION
from tenants.models import Organization, Permission, User
from tenants.queries import memberships_of
from tenants.scope import scope

#: How many are shown at once.
MODELS_A_PAGE = 24
PRICES_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Door:
    """Where a signed-in reader gets a key: one of their organizations."""

    organization: Organization
    url: str


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """List the models on offer; the filters stand in the address and work without scripts."""
    reader = readers.of(request)
    entries = readers.listings_seen_by(reader)
    form = FilterForm(request.GET, entries=entries)
    wanted = selection.conditions(form, request.GET)
    found = selection.fitting(entries, wanted, form.facts().get("sort", ""))
    page = paging.page(found, MODELS_A_PAGE, request.GET.get(paging.PARAMETER))
    context = {
        "form": form,
        "offers": readers.whole(reader, list(page)),
        "page": page,
        "total": len(entries),
        "conditions": wanted,
        "chosen": side_by_side.chosen(entries, request.GET.getlist(side_by_side.PARAMETER)),
        "services": _services(entries, form.facts().get("q", "")),
        "nearest": [] if found else _nearest(reader, entries, wanted),
        "nav_section": "catalogue",
    }
    return render_page(request, "marketplace/catalogue.html", context, partial="offer-list")


def _nearest(
    reader: Reader, entries: list[Listing], wanted: list[Condition]
) -> list[Near[PricedOffer]]:
    """Return what comes nearest to what is looked for, as the page shows it."""
    near = selection.nearest(entries, wanted)
    unmet = {it.entry.offer.pk: it.unmet for it in near}
    shown = readers.whole(reader, [it.entry for it in near])
    return [Near(it, unmet[it.offer.pk]) for it in shown]


def _services(entries: list[Listing], words: str) -> list[Listed[Listing]]:
    """Return the services that have the words which models are looked for by."""
    return applications.seen(entries, words) if words else []


@require_safe
def model_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one model: its card, its prices, and how to call it."""
    reader = readers.of(request)
    context = readers.page_of(reader, slug)
    if context is None:
        return _gone(request, reader, slug)
    context["doors"] = _doors(request)
    context["standings"] = access.standings(reader.organizations, context["model"])
    context["similar"] = similar.to(context["offers"], readers.listings_seen_by(reader))
    context["try_url"] = _try_url(request, context["model"])
    context["calculator"] = calculating.reckon(context["offers"], request.GET)
    return render(request, "marketplace/model_detail.html", context)


def _gone(request: HttpRequest, reader: Reader, slug: str) -> HttpResponse:
    """Say of a model that was on sale since when it is retired, and what to use instead."""
    model = readers.gone(reader, slug)
    if model is None:
        raise Http404
    successor = model.replaced_by
    context = {"model": model, "successor": successor if successor and successor.is_open else None}
    return render(request, "marketplace/model_gone.html", context, status=410)


def _doors(request: HttpRequest) -> list[Door]:
    """Return the organizations in which the reader may make a key."""
    if not isinstance(request.user, User):
        return []
    return [
        Door(it.organization, reverse("tenants:key-create", args=[it.organization.slug]))
        for it in memberships_of(request.user)
        if it.can(Permission.KEYS_MANAGE)
    ]


def _try_url(request: HttpRequest, model: AIModel) -> str:
    """Return where the reader talks with the model: in the organization last opened, or the first.

    An organization that may not call the model does not count: its page says what to do before.
    """
    if not isinstance(request.user, User) or model.kind != Kind.CHAT:
        return ""
    last = request.session.get(LAST_ORGANIZATION)
    open_to = [
        it.organization.slug
        for it in memberships_of(request.user)
        if it.can(Permission.PLAYGROUND_USE) and _may_call(it.organization, model)
    ]
    if not open_to:
        return ""
    slug = last if last in open_to else open_to[0]
    return f"{reverse('marketplace:playground', args=[slug])}?{urlencode({'model': model.slug})}"


def _may_call(organization: Organization, model: AIModel) -> bool:
    with scope(organization):
        return queries.offers_for(organization).filter(model_version__model=model).exists()


@require_safe
def pricing(request: HttpRequest) -> HttpResponse:
    """Show every price and every bundle, without a sign-in."""
    reader = readers.of(request)
    entries = readers.price_list(reader)
    page = paging.page(entries, PRICES_A_PAGE, request.GET.get(paging.PARAMETER))
    offers = readers.whole(reader, list(page))
    # Of the models in the table, where one of them answers.
    typical = next((it for it in [*page, *entries] if it.output is not None), None)
    names = [it.api_name for it in page]
    context = {
        "offers": offers,
        "page": page,
        "payer": reader.payer,
        "typical": typical,
        "calculator": calculating.reckon(entries, request.GET, typical, names),
        "coming": readers.coming(reader, offers),
        "bundles": worked.bundles(entries),
        "request_example": worked.request(entries),
        "token_prices": worked.token_prices(),
        "nav_section": "pricing",
    }
    return render(request, "marketplace/pricing.html", context)
