"""What everybody may see: models, prices, bundles."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from common.htmx import render_page
from marketplace import showcase, snippets
from marketplace.forms import FilterForm


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """List the models on offer; the filters stand in the address and work without scripts."""
    form = FilterForm(request.GET)
    offers = showcase.offers(form.facts())
    context = {
        "form": form,
        "offers": offers,
        "is_filtered": any(form.facts().values()),
        "nav_section": "catalogue",
    }
    return render_page(request, "marketplace/catalogue.html", context, partial="offer-list")


@require_safe
def model_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one model: its card, its prices, and how to call it."""
    model = get_object_or_404(showcase.live_models(), slug=slug)
    offers = showcase.offers_of(model)
    base_url = f"{settings.PUBLIC_URL}/v1"
    context = {
        "model": model,
        "offers": offers,
        "snippets": snippets.for_model(model.kind, offers[0].api_name, base_url) if offers else [],
        "nav_section": "catalogue",
    }
    return render(request, "marketplace/model_detail.html", context)


@require_safe
def pricing(request: HttpRequest) -> HttpResponse:
    """Show every price and every bundle, without a sign-in."""
    context = {
        "offers": showcase.offers(),
        "bundles": showcase.bundles(),
        "nav_section": "pricing",
    }
    return render(request, "marketplace/pricing.html", context)
