"""What search engines and social networks read: the map of the site, the pictures of links."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from common.templatetags import formats
from front import legal
from marketplace import applications, readers, showcase
from marketplace.readers import Reader
from marketplace.showcase import PricedOffer
from portal import social

HOUR = 3600
MILLION = 1_000_000
#: Public pages that are always there.
PAGES = (
    *("portal:landing", "marketplace:catalogue", "marketplace:service-list"),
    *("marketplace:pricing", "portal:api-reference", "portal:status", "portal:terms"),
    "portal:privacy",
)


@require_safe
@cache_control(public=True, max_age=HOUR)
def sitemap(request: HttpRequest) -> HttpResponse:
    """List the public pages and the models that everybody may see.

    A page has one address in all languages, so none is named as another's translation.
    """
    pages: list[tuple[str, datetime | None]] = [(reverse(name), None) for name in PAGES]
    pages += [(reverse("portal:legal", args=[kind.value]), None) for kind in legal.footer_kinds()]
    pages += [
        (reverse("marketplace:model-detail", args=[model.slug]), model.updated_at)
        for model in showcase.live_models().order_by("slug")
    ]
    pages += [
        (reverse("marketplace:service-detail", args=[entry.application.slug]), None)
        for entry in applications.seen(readers.listings_seen_by(Reader()))
    ]
    context = {"pages": pages, "public_url": settings.PUBLIC_URL}
    return render(request, "sitemap.xml", context, content_type="application/xml")


@require_safe
@cache_control(public=True, max_age=HOUR)
def site_picture(request: HttpRequest) -> HttpResponse:
    """Draw who the operator is."""
    with override(settings.LANGUAGE_CODE):
        return HttpResponse(social.png(social.site()), content_type="image/png")


@require_safe
@cache_control(public=True, max_age=HOUR)
def model_picture(request: HttpRequest, slug: str) -> HttpResponse:
    """Draw what a model that everybody may see is, and what it costs."""
    model = showcase.live_models().filter(slug=slug).first()
    if model is None:
        raise Http404
    with override(settings.LANGUAGE_CODE):
        offers = showcase.offers_of(model)
        card = social.of(model.name, list(_lines(offers[0]) if offers else ()))
        return HttpResponse(social.png(card), content_type="image/png")


def _lines(offer: PricedOffer) -> Iterator[str]:
    """Say what it costs and how much it reads, as the model's page does."""
    amounts = [
        f"{formats.trimmed(price * MILLION, 2)} {offer.currency}"
        for price in (offer.input, offer.output)
        if price is not None
    ]
    if amounts:
        yield _("%(prices)s per 1 M tokens") % {"prices": " / ".join(amounts)}
    if window := offer.model.context_window:
        yield _("Reads up to %(count)s tokens") % {"count": formats.grouped(window)}
    yield f"{offer.offer.region.name} ({offer.offer.region.jurisdiction})"
