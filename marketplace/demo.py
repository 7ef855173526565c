"""The demo operator's catalogue: what `make run` sells on a fresh machine."""

from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from common.database import service
from marketplace.models import (
    AIModel,
    Bundle,
    GrantUnit,
    Kind,
    ModelVersion,
    Offer,
    Price,
    PriceBook,
    Publisher,
    Route,
    Status,
    TokenClass,
    TokenPart,
    TokenWeight,
    Upstream,
)
from tenants.models import Region

#: Prices of the demo hold since the day the operator opened.
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
REGION = {"name": "Paris", "jurisdiction": "EU", "country": "FR"}
WEIGHTS = {
    TokenPart.INPUT: Decimal(1),
    TokenPart.CACHED_INPUT: Decimal("0.25"),
    TokenPart.OUTPUT: Decimal(3),
    TokenPart.REASONING: Decimal(3),
}
CARD = """{summary}

Served by the demo engine, a simulator that counts tokens as a real engine does and answers with \
prepared text. Replace it with your own engine by setting ENGINE_URL.

Prompts and answers are not stored. Requests are computed in Paris and stay in the European Union.
"""

#: slug: name, kind, summary, context, longest answer, features, languages, prices per million.
MODELS = {
    "atlas-mini": (
        "Atlas Mini", Kind.CHAT, "Fast and frugal: classification, extraction, short answers.",
        32_768, 4_096, ["tools", "json", "streaming"], ["en", "fr", "ar"],
        {"input": "0.15", "cached_input": "0.04", "output": "0.60"}, "standard",
    ),
    "atlas-large": (
        "Atlas Large", Kind.CHAT, "The all-rounder: long documents, drafting, assistants.",
        131_072, 16_384, ["tools", "json", "streaming", "vision"], ["en", "fr", "ar", "kk"],
        {"input": "1.20", "cached_input": "0.30", "output": "4.80"}, None,
    ),
    "atlas-reason": (
        "Atlas Reason", Kind.CHAT, "Thinks before it answers: mathematics, code, planning.",
        131_072, 32_768, ["tools", "json", "streaming", "reasoning"], ["en", "fr"],
        {"input": "2.00", "cached_input": "0.50", "output": "8.00"}, None,
    ),
    "atlas-embed": (
        "Atlas Embed", Kind.EMBEDDING, "Text to vectors, for search and retrieval.",
        8_192, 0, [], ["en", "fr", "ar", "kk"], {"input": "0.05"}, "standard",
    ),
}  # fmt: skip


def seed() -> None:
    """Create the demo catalogue, once: what exists already stays as it is."""
    with service():
        token_class = _token_class()
        upstream = _upstream()
        book, _ = PriceBook.objects.get_or_create(
            code="standard", defaults={"name": "Standard prices", "currency": "EUR"}
        )
        publisher, _ = Publisher.objects.get_or_create(slug="atlas", defaults={"name": "Atlas"})
        for slug in MODELS:
            offer = _offer(slug, publisher, upstream, token_class)
            _prices(book, offer, MODELS[slug][7])
        _bundles(token_class)


def _token_class() -> TokenClass:
    token_class, _ = TokenClass.objects.get_or_create(
        code="standard", defaults={"name": "Standard tokens"}
    )
    for part, weight in WEIGHTS.items():
        TokenWeight.objects.get_or_create(
            token_class=token_class, token_part=part, defaults={"weight": weight}
        )
    return token_class


def _upstream() -> Upstream:
    region, _ = Region.objects.get_or_create(code="eu-paris", defaults=REGION)
    facts = {"name": "Demo engine", "region": region}
    upstream, _ = Upstream.objects.get_or_create(
        slug="demo-engine", defaults={**facts, "base_url": settings.ENGINE_URL}
    )
    if upstream.base_url != settings.ENGINE_URL:
        # The demo engine's address follows PORT, or the operator's own ENGINE_URL.
        upstream.base_url = settings.ENGINE_URL
        upstream.save(update_fields=["base_url", "updated_at"])
    return upstream


def _offer(slug: str, publisher: Publisher, upstream: Upstream, token_class: TokenClass) -> Offer:
    name, kind, summary, context, longest, features, languages, _, class_code = MODELS[slug]
    facts = {
        "name": name,
        "publisher": publisher,
        "family": "Atlas",
        "summary": summary,
        "card": CARD.format(summary=summary),
        "kind": kind,
        "context_window": context,
        "max_output": longest,
        # The demo engine's own template: four tokens and four for each message.
        "template_tokens_base": 16,
        "features": features,
        "modalities": ["text", "image"] if "vision" in features else ["text"],
        "languages": languages,
        "licence": "Apache-2.0",
        "licence_url": "https://www.apache.org/licenses/LICENSE-2.0",
        "origin": "France",
        "status": Status.PUBLISHED,
        "published_at": timezone.now(),
    }
    model, _ = AIModel.objects.get_or_create(slug=slug, defaults=facts)
    version, _ = ModelVersion.objects.get_or_create(
        model=model, label="1.0", defaults={"quantization": "fp8"}
    )
    offer, _ = Offer.objects.get_or_create(
        name=slug,
        defaults={
            "model_version": version,
            "region": upstream.region,
            "status": Status.PUBLISHED,
            "token_class": token_class if class_code else None,
        },
    )
    Route.objects.get_or_create(offer=offer, upstream=upstream, upstream_model=slug)
    return offer


def _prices(book: PriceBook, offer: Offer, per_million: dict[str, str]) -> None:
    for part, amount in per_million.items():
        if not Price.objects.filter(book=book, offer=offer, token_part=part).exists():
            unit = format((Decimal(amount) / 1_000_000).normalize(), "f")
            Price.objects.create(
                book=book,
                offer=offer,
                token_part=part,
                definition={"model": "per_unit", "unit_amount": unit},
                effective_from=OPENED,
            )


def _bundles(token_class: TokenClass) -> None:
    money = {"currency": "EUR", "grant_unit": GrantUnit.MONEY, "validity_days": 365}
    tokens = {**money, "grant_unit": GrantUnit.TOKENS, "token_class": token_class}
    products = {
        "starter": ("Starter", "For the first weeks.", Decimal(20), Decimal(20), money),
        "growth": ("Growth", "For a product in use.", Decimal(200), Decimal(200), money),
        "tokens-10m": (
            "10 million standard tokens", "A fixed quantity for Atlas Mini and Atlas Embed.",
            Decimal(5), Decimal(10_000_000), tokens,
        ),
    }  # fmt: skip
    for slug, (name, summary, net, quantity, facts) in products.items():
        Bundle.objects.get_or_create(
            slug=slug,
            defaults={
                **facts,
                "name": name,
                "summary": summary,
                "net_amount": net,
                "grant_quantity": quantity,
            },
        )
