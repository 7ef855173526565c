"""Adding a model with all it needs, and changing what its card says."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from django.utils.text import slugify

from common.database import atomic
from marketplace.errors import NameTaken
from marketplace.models import AIModel, ModelVersion, Offer, Publisher, Route, TokenClass, Upstream
from marketplace.services import pricing
from tenants.models import User
from tenants.services import audit


@dataclass(frozen=True, slots=True)
class Terms:
    """How a new model is offered: who answers, under which name, how its tokens burn."""

    upstream: Upstream
    upstream_model: str
    version: str
    quantization: str = ""
    token_class: TokenClass | None = None


@atomic()
def add(
    *,
    card: Mapping[str, Any],
    publisher_name: str,
    terms: Terms,
    per_million: Mapping[str, Decimal],
    by: User | None,
) -> AIModel:
    """Add a draft of a model with its version, offer, route and first prices."""
    model, offer = _draft(card, _publisher(publisher_name), terms)
    Route.objects.create(offer=offer, upstream=terms.upstream, upstream_model=terms.upstream_model)
    for part, amount in per_million.items():
        pricing.change(offer, part, amount, by=by)
    audit.record(organization=None, actor=by, action="model.added", target=model, after=dict(card))
    return model


@atomic()
def edit(
    model: AIModel, *, card: Mapping[str, Any], publisher_name: str, by: User | None
) -> AIModel:
    """Change what the model's card says; its address and its prices stay."""
    model = AIModel.objects.locked(model.pk)
    before = {name: getattr(model, name) for name in card}
    for name, value in card.items():
        setattr(model, name, value)
    model.publisher = _publisher(publisher_name)
    model.save()
    audit.record(
        organization=None,
        actor=by,
        action="model.edited",
        target=model,
        before=before,
        after=dict(card),
    )
    return model


def _draft(card: Mapping[str, Any], publisher: Publisher, terms: Terms) -> tuple[AIModel, Offer]:
    # The database says who was first: a look beforehand would let two through.
    try:
        with atomic():
            model = AIModel.objects.create(publisher=publisher, **card)
            version = ModelVersion.objects.create(
                model=model, label=terms.version, quantization=terms.quantization
            )
            offer = Offer.objects.create(
                model_version=version,
                region=terms.upstream.region,
                name=card["slug"],
                token_class=terms.token_class,
            )
    except IntegrityError as error:
        raise NameTaken(field_errors={"slug": [NameTaken.detail]}) from error
    return model, offer


def _publisher(name: str) -> Publisher:
    slug = slugify(name, allow_unicode=True)[:50]
    publisher, _ = Publisher.objects.get_or_create(slug=slug, defaults={"name": name})
    return publisher
