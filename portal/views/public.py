"""Pages for everybody: the landing page, the state of the service, the terms."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from billing.services import invoicing
from common.database import service
from front import legal, markdown
from front import status as incidents
from front.models import LegalKind, LegalText
from marketplace import readers, snippets, worked
from marketplace.listing import Entry
from marketplace.models import Kind
from portal.views import health

#: Where search engines have no business: what needs a sign-in, what is secret, what is no page.
PRIVATE = ("/o/", "/staff/", "/api/", "/v1/", "/accounts/", "/organizations/", "/invitations/")
DAY = 86_400
#: Pages that had an address before the operator could write others.
OWN_ADDRESS = {LegalKind.TERMS.value: "portal:terms", LegalKind.PRIVACY.value: "portal:privacy"}
#: The request whose receipt the landing page shows: one question, one paragraph.
RECEIPT = {"input_tokens": 24, "output_tokens": 180}
#: So many offers stand on the landing page; the catalogue has them all.
MOST_OFFERS = 8


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Say what this is, to somebody who has never heard of it; customers read their own prices."""
    reader = readers.of(request)
    entries = readers.price_list(reader)
    entries.sort(key=lambda entry: entry.model.kind != Kind.CHAT)
    prices = [entry.input_price for entry in entries if entry.input_price]
    receipt = worked.request(entries, **RECEIPT)
    context = {
        "offers": readers.whole(reader, entries[:MOST_OFFERS]),
        "payer": reader.payer,
        "is_cut": len(entries) > MOST_OFFERS,
        "model_count": len({entry.model.pk for entry in entries}),
        "cheapest": min(prices, default=None),
        "regions": sorted({entry.offer.region for entry in entries}, key=lambda it: it.name),
        "receipt": receipt,
        "snippets": _first_call(receipt.entry if receipt else next(iter(entries), None)),
    }
    return render(request, "landing.html", context)


def _first_call(entry: Entry | None) -> list[snippets.Snippet]:
    if entry is None:
        return []
    return snippets.for_model(entry.model.kind, entry.api_name, f"{settings.PUBLIC_URL}/v1")


@require_safe
@cache_control(public=True, max_age=DAY)
def robots(request: HttpRequest) -> HttpResponse:
    """Tell search engines which pages are for everybody."""
    private = [f"Disallow: {path}" for path in PRIVATE]
    sitemap = f"Sitemap: {settings.PUBLIC_URL}{reverse('sitemap')}"
    lines = ["User-agent: *", *private, "Allow: /", "", sitemap, ""]
    return HttpResponse("\n".join(lines), content_type="text/plain")


@require_safe
@never_cache
def status(request: HttpRequest) -> HttpResponse:
    """Say in words whether the service works now."""
    parts = health.parts()
    is_well = all(state == "ok" for state in parts.values())
    board = incidents.board()
    context = {
        "parts": parts,
        "is_well": is_well,
        "told": incidents.parts(),
        "open": [(it, board.models_of(it)) for it in board.open()],
        "coming": [(it, board.models_of(it)) for it in board.coming()],
        "past": board.past(),
        "days": list(reversed(incidents.days())),
        "quiet": sum(day.impact is None for day in incidents.days()),
    }
    return render(request, "portal/status.html", context, status=200 if is_well else 503)


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Show the terms on which the service is used."""
    return _legal(request, LegalKind.TERMS)


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Show what is recorded of a request, of a person and of an organization."""
    return _legal(request, LegalKind.PRIVACY)


@require_safe
def legal_page(request: HttpRequest, kind: str) -> HttpResponse:
    """Show a legal page that the operator has written; terms and privacy have their own address."""
    if kind in OWN_ADDRESS:
        return redirect(OWN_ADDRESS[kind])
    if kind not in legal.in_force():
        raise Http404
    return _legal(request, LegalKind(kind))


def _legal(request: HttpRequest, kind: LegalKind) -> HttpResponse:
    text = legal.in_force().get(kind)
    if text is not None:
        return _written(request, text)
    # What every portal says before its operator's lawyers have written something of their own.
    context = {"seller": invoicing.default_issuer(), "version": settings.TERMS_VERSION}
    return render(request, f"portal/{kind.value}.html", context)


@require_safe
def legal_version(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """Show a version of a legal page, of today, of former days or of days to come."""
    with service():
        texts = LegalText.objects.published().filter(kind=kind, version=version)
        text = get_object_or_404(texts)
    return _written(request, text)


def _written(request: HttpRequest, text: LegalText) -> HttpResponse:
    words, language = text.text(get_language() or "")
    with service():
        versions = list(LegalText.objects.published().filter(kind=text.kind).defer("texts"))
    context = {
        "text": text,
        "html": markdown.html(words),
        "language": language,
        "seller": invoicing.default_issuer(),
        "others": [it for it in versions if it.pk != text.pk],
        "is_in_force": legal.in_force().get(text.kind) == text,
    }
    return render(request, "portal/legal.html", context)
