"""What a model's page shows: the same to customers, and to staff who look at it beforehand."""

from typing import Any

from django.conf import settings
from django.utils import timezone

from marketplace import cards, dossiers, service_levels, showcase, snippets
from marketplace.forms.words import FEATURES, LANGUAGES, MODALITIES
from marketplace.models import AIModel
from marketplace.showcase import PricedOffer
from tenants.models import Organization

WORDS = {name: label for pairs in (FEATURES, LANGUAGES, MODALITIES) for name, label in pairs}


def context(
    model: AIModel,
    payer: Organization | None = None,
    offers: list[PricedOffer] | None = None,
) -> dict[str, Any]:
    """Return the model with its prices, its facts in words, its card and its first call.

    Of its offers those that are given, or all; at what the customer pays, or at list prices.
    """
    if offers is None:
        offers = showcase.offers_for(model, payer) if payer else showcase.offers_of(model)
    base_url = f"{settings.PUBLIC_URL}/v1"
    return {
        "model": model,
        "offers": offers,
        "promised": service_levels.of([it.offer for it in offers], timezone.now()),
        "payer": payer,
        "coming": showcase.coming(offers, payer),
        "features": _words(model.features),
        "modalities": _words(model.modalities),
        "languages": _words(model.languages),
        "card": cards.blocks(model.said_card.text),
        "dossier": dossiers.shown(model),
        "snippets": snippets.for_model(model.kind, offers[0].api_name, base_url) if offers else [],
        "api_base_url": base_url,
        "nav_section": "catalogue",
    }


def _words(names: list[str]) -> list[Any]:
    return [WORDS.get(name, name) for name in names]
