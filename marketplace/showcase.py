"""The catalogue as people see it: models with the prices that hold now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_stubs_ext import StrOrPromise

from common.money import Money
from marketplace import books, queries
from marketplace.models import (
    AIModel,
    Bundle,
    Measurement,
    Offer,
    Price,
    ServiceTier,
    TokenPart,
)
from tenants.models import Organization

#: Parts that few models have a price of their own for.
OTHERS = (
    TokenPart.CACHE_WRITE,
    TokenPart.IMAGE_INPUT,
    TokenPart.AUDIO_INPUT,
    TokenPart.REASONING,
    TokenPart.AUDIO_OUTPUT,
    TokenPart.TRAINED,
)


@dataclass(frozen=True, slots=True)
class PricedOffer:
    """An offer with what a token of it costs now; a part without a price is ``None``."""

    offer: Offer
    currency: str
    input: Decimal | None
    cached_input: Decimal | None
    output: Decimal | None
    batch_input: Decimal | None = None
    batch_output: Decimal | None = None
    #: What other parts with a price of their own cost.
    others: Mapping[TokenPart, Decimal] = field(default_factory=dict)

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
    def jurisdiction(self) -> str:
        """Whose law holds there."""
        return self.offer.region.jurisdiction

    @property
    def context_window(self) -> int:
        """How many tokens a request and its answer may have together."""
        return self.model.context_window

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

    @property
    def batch_input_price(self) -> Money | None:
        """What a million input tokens of a batch cost."""
        return self._per_million(self.batch_input)

    @property
    def batch_output_price(self) -> Money | None:
        """What a million output tokens of a batch cost."""
        return self._per_million(self.batch_output)

    @property
    def other_prices(self) -> list[tuple[StrOrPromise, Money | None]]:
        """What a million tokens of other parts cost, where they have a price of their own."""
        return [(part.label, self._per_million(amount)) for part, amount in self.others.items()]

    @property
    def measured(self) -> Measurement | None:
        """What was measured of it lately, if that is enough to be told."""
        found: Measurement | None = getattr(self.offer, "measurement", None)
        return found if found is not None and found.is_enough else None

    def _per_million(self, per_token: Decimal | None) -> Money | None:
        return None if per_token is None else Money(per_token * 1_000_000, self.currency)


def offers(currency: str = queries.DEFAULT_CURRENCY) -> list[PricedOffer]:
    """Return all that everybody can buy, by name, at the list's prices."""
    return priced(everybodys(), currency)


def offers_seen_by(organization: Organization) -> list[PricedOffer]:
    """Return all that the organization sees, by name, at what it pays; asked in its scope."""
    return _at_its_prices(seen_by(organization), organization)


def every_offer(currency: str = queries.DEFAULT_CURRENCY) -> list[PricedOffer]:
    """Return all offers, those that customers cannot see included, by name."""
    return priced(_offers().order_by("name"), currency)


def offers_of(model: AIModel, currency: str = queries.DEFAULT_CURRENCY) -> list[PricedOffer]:
    """Return the offers of one model, whatever their state."""
    return offers_of_models([model], currency)


def offers_for(model: AIModel, organization: Organization) -> list[PricedOffer]:
    """Return the offers of one model, whatever their state, at what the organization pays."""
    of_it = _offers().filter(model_version__model=model).order_by("name")
    return _at_its_prices(of_it, organization)


def offers_of_models(
    models: Iterable[AIModel], currency: str = queries.DEFAULT_CURRENCY
) -> list[PricedOffer]:
    """Return the offers of these models, whatever their state, by name."""
    of_these = _offers().filter(model_version__model__in=list(models))
    return priced(of_these.order_by("name"), currency)


def live_models() -> QuerySet[AIModel]:
    """Return the models that everybody can see."""
    return AIModel.objects.public().live().select_related("publisher", "replaced_by")


def models_seen_by(organization: Organization) -> QuerySet[AIModel]:
    """Return the models that the organization can see, its own included."""
    seen = AIModel.objects.live().filter(queries.seen_by(organization))
    return seen.select_related("publisher", "replaced_by")


def gone_models(organization: Organization | None = None) -> QuerySet[AIModel]:
    """Return the operator's models that everybody, or a customer, saw once and can no longer call."""
    seen = queries.seen_by(organization) if organization else Q(is_restricted=False)
    once = AIModel.objects.filter(seen, owner=None).exclude(published_at=None)
    once = once.exclude(pk__in=AIModel.objects.live()).filter(retires_at__isnull=False)
    return once.select_related("publisher", "replaced_by")


def all_models() -> QuerySet[AIModel]:
    """Return every model, drafts and retired ones included."""
    return AIModel.objects.select_related("publisher", "replaced_by")


@dataclass(frozen=True, slots=True)
class ComingPrice:
    """A price that is set for a later day."""

    offer: Offer
    label: StrOrPromise
    price: Money
    starts_at: datetime


def coming(
    offers: Iterable[PricedOffer], organization: Organization | None = None
) -> list[ComingPrice]:
    """Return the prices that will hold later than now for these offers, the next ones first.

    Those of the list, or those that the organization will pay.
    """
    now, keys = timezone.now(), [it.offer.pk for it in offers]
    currency = organization.currency if organization else queries.DEFAULT_CURRENCY
    special = books.special(organization, now) if organization else []
    of_these = Price.objects.standard().filter(offer__in=keys).upcoming(now)
    ahead = of_these.filter(Q(book__in=special) | Q(pk__in=of_these.listed(currency)))
    found = list(
        ahead.select_related("offer__model_version__model").order_by(
            "effective_from", "offer__name", "token_part"
        )
    )
    if special:
        found = _held(found, keys, currency, special)
    return [
        ComingPrice(
            it.offer,
            it.get_token_part_display(),
            Money(it.per_million, currency),
            it.effective_from,
        )
        for it in found
    ]


def _held(
    found: Sequence[Price], keys: Sequence[UUID], currency: str, special: Sequence[UUID]
) -> list[Price]:
    """Return those of the prices that no earlier book takes the place of when they begin."""
    holding: set[UUID] = set()
    for moment in {it.effective_from for it in found}:
        held = queries.prices_by_tier(keys, moment, currency, special)[ServiceTier.STANDARD]
        holding |= {price.pk for parts in held.values() for price in parts.values()}
    return [it for it in found if it.pk in holding]


def bundles() -> QuerySet[Bundle]:
    """Return the bundles on sale, cheapest first."""
    return Bundle.objects.filter(is_active=True).select_related("token_class")


def all_bundles() -> QuerySet[Bundle]:
    """Return every bundle, those off sale included."""
    return Bundle.objects.select_related("token_class")


def _live() -> QuerySet[Offer]:
    live = _offers().filter(pk__in=Offer.objects.live().values("pk"))
    return live.order_by("model_version__model__name", "name")


#: An offer of a model that everybody sees.
EVERYBODYS = Q(model_version__model__owner=None, model_version__model__is_restricted=False)


def everybodys() -> QuerySet[Offer]:
    """Return what everybody can buy, by name."""
    return _live().filter(EVERYBODYS)


def seen_by(organization: Organization) -> QuerySet[Offer]:
    """Return what the organization sees, by name; asked in its scope."""
    return _live().filter(queries.seen_by(organization, "model_version__model__"))


def own(organization: Organization) -> QuerySet[Offer]:
    """Return what the organization sees and not everybody, by name; asked in its scope."""
    return seen_by(organization).exclude(EVERYBODYS)


def _at_its_prices(found: QuerySet[Offer], organization: Organization) -> list[PricedOffer]:
    special = books.special(organization, timezone.now())
    return priced(found, organization.currency, special)


def _offers() -> QuerySet[Offer]:
    return Offer.objects.select_related(
        "model_version__model__publisher", "region", "token_class", "measurement"
    )


def priced(
    found: QuerySet[Offer], currency: str, special: Sequence[UUID] = ()
) -> list[PricedOffer]:
    """Return these offers, in their order, at the prices of the books."""
    offers = list(found)
    keys = [offer.pk for offer in offers]
    tiers = queries.prices_by_tier(keys, timezone.now(), currency, special)
    prices, batch = tiers[ServiceTier.STANDARD], tiers[ServiceTier.BATCH]
    return [
        _priced(offer, prices.get(offer.pk, {}), batch.get(offer.pk, {}), currency)
        for offer in offers
    ]


def _priced(
    offer: Offer, prices: dict[str, Price], batch: dict[str, Price], currency: str
) -> PricedOffer:
    return PricedOffer(
        offer,
        currency,
        input=_of(prices, TokenPart.INPUT),
        cached_input=_of(prices, TokenPart.CACHED_INPUT),
        output=_of(prices, TokenPart.OUTPUT),
        batch_input=_of(batch, TokenPart.INPUT),
        batch_output=_of(batch, TokenPart.OUTPUT),
        others={part: prices[part].per_token for part in OTHERS if part in prices},
    )


def _of(prices: dict[str, Price], part: TokenPart) -> Decimal | None:
    return prices[part].per_token if part in prices else None
