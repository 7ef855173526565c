"""The demo operator's catalogue: what `make run` sells on a fresh machine."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.text import slugify

from common.database import service
from marketplace import demo_services, presets
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
    ServerPreset,
    ServiceTier,
    Status,
    TokenClass,
    TokenPart,
    TokenWeight,
    Upstream,
)
from marketplace.models.prices import halved
from marketplace.served import ServedModel, read
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

FOUND_CARD = """Found on the engine that ENGINE_URL names, as `{name}`.

Prices, context and licence are examples until you correct them on the staff pages.
"""
SIMULATED, OWN = "demo-engine", "engine"

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
    "atlas-rerank": (
        "Atlas Rerank", Kind.RERANK, "Orders what a search found by how well it answers.",
        8_192, 0, [], ["en", "fr", "ar", "kk"], {"input": "0.05"}, "standard",
    ),
}  # fmt: skip


def seed(listed: Iterable[Mapping[str, Any]] | None = None) -> None:
    """Create the demo catalogue, once: what exists already stays as it is.

    ``listed`` are the models of the operator's own engine, as it lists them, where one takes the
    place of the demo engine.
    """
    with service():
        token_class = _token_class()
        book, _ = PriceBook.objects.get_or_create(
            code="standard", defaults={"name": "Standard prices", "currency": "EUR"}
        )
        if listed is None:
            _sell_simulated(book, token_class)
            demo_services.seed()
        else:
            _sell_served(read(listed), book, token_class)
        _bundles(token_class, "the small Atlas models" if listed is None else "all models")


def _sell_simulated(book: PriceBook, token_class: TokenClass) -> None:
    # It tells its health and its load as vLLM does.
    upstream = _upstream(SIMULATED, "Demo engine", "", ServerPreset.VLLM)
    if not upstream.is_enabled:
        _switch(upstream, Status.RETIRED, Status.PUBLISHED, set(MODELS))
    publisher, _ = Publisher.objects.get_or_create(slug="atlas", defaults={"name": "Atlas"})
    for slug, (*_, per_million, class_code) in MODELS.items():
        version = _simulated(slug, publisher)
        offer = _offer(version, slug, upstream, token_class if class_code else None)
        _prices(book, offer, per_million)


def _sell_served(models: list[ServedModel], book: PriceBook, token_class: TokenClass) -> None:
    names = {model.name for model in models}
    for simulated in Upstream.objects.filter(slug=SIMULATED, is_enabled=True):
        _switch(simulated, Status.PUBLISHED, Status.RETIRED, set(MODELS) - names)
    upstream = _upstream(OWN, "Engine", settings.ENGINE_API_KEY)
    for each in models:
        offer = _offer(_found(each), each.name, upstream, token_class)
        like = "atlas-mini" if each.kind == Kind.CHAT else "atlas-embed"
        _prices(book, offer, MODELS[like][7])


def _switch(upstream: Upstream, before: Status, after: Status, slugs: set[str]) -> None:
    """Switch the demo engine on or off, and what only it answers with it."""
    upstream.is_enabled = after == Status.PUBLISHED
    upstream.save(update_fields=["is_enabled", "updated_at"])
    AIModel.objects.filter(slug__in=slugs, status=before).update(status=after)
    Offer.objects.filter(name__in=slugs, status=before).update(status=after)


def _token_class() -> TokenClass:
    token_class, _ = TokenClass.objects.get_or_create(
        code="standard", defaults={"name": "Standard tokens"}
    )
    for part, weight in WEIGHTS.items():
        TokenWeight.objects.get_or_create(
            token_class=token_class, token_part=part, defaults={"weight": weight}
        )
    return token_class


def _upstream(
    slug: str, name: str, credential: str, preset: ServerPreset = ServerPreset.GENERIC
) -> Upstream:
    region, _ = Region.objects.get_or_create(code="eu-paris", defaults=REGION)
    facts = {"base_url": settings.ENGINE_URL, "credential": credential}
    kind = {"preset": preset, **presets.settled(preset, {}, None)}
    upstream, _ = Upstream.objects.get_or_create(
        slug=slug, defaults={**facts, **kind, "name": name, "region": region}
    )
    if (upstream.base_url, upstream.credential) != (settings.ENGINE_URL, credential):
        # The demo engine's address follows PORT, the operator's own engine its variables.
        upstream.base_url, upstream.credential = settings.ENGINE_URL, credential
        upstream.save(update_fields=["base_url", "credential", "updated_at"])
    return upstream


def _simulated(slug: str, publisher: Publisher) -> ModelVersion:
    name, kind, summary, context, longest, features, languages, *_ = MODELS[slug]
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
        "origin": "FR",
        "status": Status.PUBLISHED,
        "published_at": timezone.now(),
    }
    model, _ = AIModel.objects.get_or_create(slug=slug, defaults=facts)
    return _version(model, "fp8")


def _found(served: ServedModel) -> ModelVersion:
    publisher, _ = Publisher.objects.get_or_create(
        slug=slugify(served.publisher, allow_unicode=True), defaults={"name": served.publisher}
    )
    facts = {
        "name": served.name,
        "publisher": publisher,
        "summary": "Served by the operator's own engine.",
        "card": FOUND_CARD.format(name=served.name),
        "kind": served.kind,
        "context_window": served.context,
        "max_output": served.longest,
        "features": ["streaming"] if served.kind == Kind.CHAT else [],
        "modalities": ["text"],
        "licence": "See the publisher",
        "status": Status.PUBLISHED,
        "published_at": timezone.now(),
    }
    model, _ = AIModel.objects.get_or_create(slug=served.slug, defaults=facts)
    return _version(model, "")


def _version(model: AIModel, quantization: str) -> ModelVersion:
    version, _ = ModelVersion.objects.get_or_create(
        model=model, label="1.0", defaults={"quantization": quantization}
    )
    return version


def _offer(
    version: ModelVersion, name: str, upstream: Upstream, token_class: TokenClass | None
) -> Offer:
    offer, _ = Offer.objects.get_or_create(
        name=name,
        defaults={
            "model_version": version,
            "region": upstream.region,
            "status": Status.PUBLISHED,
            "token_class": token_class,
        },
    )
    _lead(offer, upstream)
    return offer


def _lead(offer: Offer, upstream: Upstream) -> None:
    """Let one engine of the demo answer; where staff added ways, they decide where requests go.

    What is on sale takes a further way only when two people agree, so the one before goes first.
    """
    ways = Route.objects.filter(offer=offer)
    if ways.filter(upstream=upstream, upstream_model=offer.name).exists():
        return
    if ways.exclude(upstream__slug__in=(SIMULATED, OWN)).exists():
        return
    ways.delete()
    Route.objects.create(offer=offer, upstream=upstream, upstream_model=offer.name)


def _prices(book: PriceBook, offer: Offer, per_million: dict[str, str]) -> None:
    for part, amount in per_million.items():
        if not Price.objects.filter(book=book, offer=offer, token_part=part).exists():
            unit = format((Decimal(amount) / 1_000_000).normalize(), "f")
            definition = {"model": "per_unit", "unit_amount": unit}
            twins = {ServiceTier.STANDARD: definition, ServiceTier.BATCH: halved(definition)}
            for service_tier, own in twins.items():
                Price.objects.create(
                    book=book,
                    offer=offer,
                    token_part=part,
                    service_tier=service_tier,
                    definition=own,
                    effective_from=OPENED,
                )


def _bundles(token_class: TokenClass, models: str) -> None:
    money = {"currency": "EUR", "grant_unit": GrantUnit.MONEY, "validity_days": 365}
    tokens = {**money, "grant_unit": GrantUnit.TOKENS, "token_class": token_class}
    products = {
        "starter": ("Starter", "For the first weeks.", Decimal(20), Decimal(20), money),
        "growth": ("Growth", "For a product in use.", Decimal(200), Decimal(200), money),
        "tokens-10m": (
            "10 million standard tokens", f"A fixed quantity for {models}.",
            Decimal("1.20"), Decimal(10_000_000), tokens,
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
