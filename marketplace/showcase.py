"""The catalogue as people see it: models with the prices that hold now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from common.money import Money
from marketplace import queries
from marketplace.models import AIModel, Bundle, Offer, Price, TokenPart


@dataclass(frozen=True, slots=True)
class PricedOffer:
    """An offer with what a token of it costs now; a part without a price is ``None``."""

    offer: Offer
    currency: str
    input: Decimal | None
    cached_input: Decimal | None
    output: Decimal | None

    @property
    def model(self) -> AIModel:
        """The model that answers."""
        return self.offer.model_version.model

    @property
    def name(self) -> str:
        """The name people read."""
        return self.model.name

    @property
    def api_name(self) -> str:
        """The name that programs pass as ``model``."""
        return self.offer.name

    @property
    def slug(self) -> str:
        """The address of the model's page."""
        return self.model.slug

    @property
    def publisher(self) -> str:
        """Who made the model."""
        return self.model.publisher.name

    @property
    def region(self) -> str:
        """Where it is computed."""
        return self.offer.region.name

    @property
    def input_price(self) -> Money | None:
        """What a million input tokens cost."""
        return self._per_million(self.input)

    @property
    def cached_price(self) -> Money | None:
        """What a million cached input tokens cost."""
        return self._per_million(self.cached_input)

    @property
    def output_price(self) -> Money | None:
        """What a million output tokens cost."""
        return self._per_million(self.output)

    def _per_million(self, per_token: Decimal | None) -> Money | None:
        return None if per_token is None else Money(per_token * 1_000_000, self.currency)


def offers(
    facts: Mapping[str, Any] | None = None, currency: str = queries.DEFAULT_CURRENCY
) -> list[PricedOffer]:
    """Return what can be bought and fits the filters, sorted as asked."""
    facts = facts or {}
    found = list(_filtered(facts))
    prices = queries.prices_in_force([offer.pk for offer in found], timezone.now(), currency)
    priced = [_priced(offer, prices.get(offer.pk, {}), currency) for offer in found]
    match facts.get("sort"):
        case "price":
            return sorted(priced, key=lambda entry: (entry.input is None, entry.input or 0))
        case "kind":
            return sorted(priced, key=lambda entry: (entry.model.kind, entry.name))
        case "context":
            return sorted(priced, key=lambda entry: -entry.model.context_window)
        case _:
            return priced


def offers_of(model: AIModel, currency: str = queries.DEFAULT_CURRENCY) -> list[PricedOffer]:
    """Return the offers of one model, whatever their state."""
    found = list(_offers().filter(model_version__model=model))
    prices = queries.prices_in_force([offer.pk for offer in found], timezone.now(), currency)
    return [_priced(offer, prices.get(offer.pk, {}), currency) for offer in found]


def live_models() -> QuerySet[AIModel]:
    """Return the models that customers can see."""
    return AIModel.objects.live().select_related("publisher")


def all_models() -> QuerySet[AIModel]:
    """Return every model, drafts and retired ones included."""
    return AIModel.objects.select_related("publisher")


def bundles() -> QuerySet[Bundle]:
    """Return the bundles on sale, cheapest first."""
    return Bundle.objects.filter(is_active=True).select_related("token_class")


def all_bundles() -> QuerySet[Bundle]:
    """Return every bundle, those off sale included."""
    return Bundle.objects.select_related("token_class")


def _offers() -> QuerySet[Offer]:
    return Offer.objects.select_related("model_version__model__publisher", "region", "token_class")


def _filtered(facts: Mapping[str, Any]) -> QuerySet[Offer]:
    found = _offers().filter(pk__in=Offer.objects.live().values("pk"))
    for name, lookup in {
        "kind": "model_version__model__kind",
        "region": "region__code",
        "publisher": "model_version__model__publisher__slug",
        "licence": "model_version__model__licence",
        "context": "model_version__model__context_window__gte",
    }.items():
        if value := facts.get(name):
            found = found.filter(**{lookup: value})
    if features := facts.get("features"):
        found = found.filter(model_version__model__features__contains=features)
    if text := facts.get("q"):
        found = found.filter(
            Q(model_version__model__name__icontains=text)
            | Q(model_version__model__summary__icontains=text)
            | Q(name__icontains=text)
        )
    return found.order_by("model_version__model__name", "name")


def _priced(offer: Offer, prices: dict[str, Price], currency: str) -> PricedOffer:
    def of(part: TokenPart) -> Decimal | None:
        return prices[part].per_token if part in prices else None

    return PricedOffer(
        offer, currency, of(TokenPart.INPUT), of(TokenPart.CACHED_INPUT), of(TokenPart.OUTPUT)
    )
