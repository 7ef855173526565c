"""Models of one customer: registered with a whole price, served, and retired."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from common.database import atomic
from marketplace import books
from marketplace.errors import TunedUnpriced
from marketplace.models import (
    AIModel,
    ModelShare,
    ModelVersion,
    Offer,
    Reachability,
    Route,
    ServiceTier,
    Status,
    TunedTerms,
    Upstream,
)
from marketplace.models.prices import scaled
from marketplace.services import pricing, publishing, server_changes
from marketplace.services.books import needed
from tenants.models import Organization, Project, Region
from tenants.services import audit

RETIRED = "Its owner retired it."
#: What a model has of the one that it was made of.
INHERITED = (
    "publisher", "family", "kind", "context_window", "max_output", "features", "modalities",
    "languages", "licence", "licence_url", "origin", "clearance", "template_tokens_per_message",
    "template_tokens_base", "image_rule", "image_base", "image_each", "image_side", "image_most",
    "audio_per_second",
)  # fmt: skip
LIMITS = ("default_rpm", "default_tpm", "default_concurrency")
COUNTED_BY = (
    "tokenizer_sha256", "tokenizer_filename", "tokenizer_bytes", "tokenizer_vocabulary",
)  # fmt: skip
#: Definitions by part.
Definitions = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Private:
    """A model that was made of another, for one customer."""

    base: Offer
    project: Project
    region: Region
    slug: str
    #: What programs call it, and people.
    name: str
    title: str
    summary: str


@atomic()
def register(private: Private) -> Offer:
    """Let the project call the model, once, at a price for all of it; or refuse it without one.

    The same name again returns the offer that is there.
    """
    base = Offer.objects.locked(private.base.pk)
    if there := Offer.objects.filter(name=private.name).first():
        return there
    owner = private.project.organization
    definitions, batch = prices_of(base, owner)
    model = _model(private, base.model_version.model)
    offer = _offer(private, base, model)
    book = pricing.default_book(owner.currency)
    change = pricing.Change(offer, timezone.now(), None, book)
    pricing.apply(change, definitions, batch)
    share = ModelShare.objects.create(
        model=model,
        owner=owner,
        owner_name=owner.name,
        organization=owner,
        project=private.project,
        accepted_at=timezone.now(),
    )
    audit.record(
        organization=owner,
        actor=None,
        action="private_model.registered",
        target=model,
        after={"model": offer.name, "base": base.name, "project": share.project.slug},
    )
    return offer


def prices_of(base: Offer, organization: Organization) -> tuple[Definitions, Definitions]:
    """Return what models that are made of this one cost the organization, and their batches.

    That is what it pays for the base itself, times the factor, or what is set for such models apart.
    """
    now, currency = timezone.now(), organization.currency
    terms = TunedTerms.objects.filter(offer=base).first() or TunedTerms(offer=base)
    priced = books.in_force([base.pk], now, currency, books.special(organization, now))
    standard, batch = (
        _scaled(priced[tier].get(base.pk, {}), terms)
        for tier in (ServiceTier.STANDARD, ServiceTier.BATCH)
    )
    if terms.definitions:
        # What batches pay follows from it, as everywhere.
        standard, batch = standard | terms.definitions, {}
    if needed(base) - standard.keys():
        raise TunedUnpriced
    return standard, batch


def _scaled(prices: Mapping[str, Any], terms: TunedTerms) -> Definitions:
    return {part: scaled(price.definition, terms.factor) for part, price in prices.items()}


def _model(private: Private, base: AIModel) -> AIModel:
    return AIModel.objects.create(
        slug=private.slug,
        name=private.title,
        owner=private.project.organization,
        summary=private.summary,
        status=Status.PUBLISHED,
        published_at=timezone.now(),
        **{name: getattr(base, name) for name in INHERITED},
    )


def _offer(private: Private, base: Offer, model: AIModel) -> Offer:
    counted_by = {name: getattr(base.model_version, name) for name in COUNTED_BY}
    version = ModelVersion.objects.create(model=model, label="1", **counted_by)
    return Offer.objects.create(
        model_version=version,
        region=private.region,
        name=private.name,
        status=Status.PUBLISHED,
        **{name: getattr(base, name) for name in LIMITS},
    )


@atomic()
def serve(offer: Offer, *, base_url: str, upstream_model: str) -> Upstream:
    """Let the engine at this address answer for the model, and no other."""
    offer = Offer.objects.locked(offer.pk)
    if there := _serving(offer, base_url, upstream_model):
        return there
    upstream, _ = Upstream.objects.update_or_create(
        slug=offer.model_version.model.slug,
        defaults={
            "name": offer.name,
            "base_url": base_url,
            "region": offer.region,
            "is_enabled": True,
            "reachability": Reachability.ANSWERS,
            "served_models": [upstream_model],
            "checked_at": timezone.now(),
        },
    )
    _remove(Route.objects.filter(offer=offer).exclude(upstream=upstream))
    Route.objects.update_or_create(
        offer=offer, upstream=upstream, defaults={"upstream_model": upstream_model}
    )
    return upstream


def _serving(offer: Offer, base_url: str, upstream_model: str) -> Upstream | None:
    return Upstream.objects.filter(
        routes__offer=offer,
        routes__upstream_model=upstream_model,
        base_url=base_url,
        is_enabled=True,
    ).first()


@atomic()
def serve_by(offer: Offer, upstream: Upstream, *, upstream_model: str) -> None:
    """Let a server that answers for other models too answer for this one, and no other."""
    offer = Offer.objects.locked(offer.pk)
    _remove(Route.objects.filter(offer=offer).exclude(upstream=upstream))
    Route.objects.update_or_create(
        offer=offer, upstream=upstream, defaults={"upstream_model": upstream_model}
    )


@atomic()
def hush(offer: Offer) -> None:
    """Let no engine answer for the model any more; calls that run go on."""
    own = offer.model_version.model.slug
    Upstream.objects.filter(slug=own, is_enabled=True).update(
        is_enabled=False, updated_at=timezone.now()
    )
    # A server of the operator's answers for others: it loses the way to it, nothing else.
    _remove(Route.objects.filter(offer=offer).exclude(upstream__slug=own))


def _remove(ways: QuerySet[Route, Route]) -> None:
    server_changes.take_back_of(ways, by=None)
    ways.delete()


def adapter_server(base: Offer, region: Region) -> Upstream | None:
    """Return a server of the base model in the region that takes adapters while it runs."""
    servers = Upstream.objects.filter(
        routes__offer=base, region=region, loads_adapters=True, is_enabled=True
    )
    return servers.exclude(is_draining=True).order_by("slug").first()


@atomic()
def retire(offer: Offer) -> None:
    """Take the model away for good; twice is once."""
    model = AIModel.objects.locked(offer.model_version.model_id)
    if model.status != Status.RETIRED:
        publishing.retire(model, by=None, reason=RETIRED)
