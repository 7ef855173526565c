"""Offers as they are chosen from: the facts that filters, orders and sums ask for, and no objects.

Hundreds of them are read for a page that shows a few; those few are then read whole, by
:mod:`marketplace.showcase`. Facts and offers have the same names, so the same rules choose among both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Case, F, JSONField, QuerySet, TextField, Value, When
from django.utils import timezone

from common.money import Money
from marketplace import books
from marketplace.models import Offer, TokenPart, is_enough
from marketplace.showcase import EVERYBODYS, PricedOffer


class Maker(NamedTuple):
    """Who made a model."""

    slug: str
    name: str


class ModelFacts(NamedTuple):
    """What models are chosen by."""

    pk: UUID
    slug: str
    name: str
    kind: str
    family: str
    licence: str
    languages: list[str]
    modalities: list[str]
    features: list[str]
    context_window: int
    published_at: datetime | None
    owner_id: UUID | None
    is_restricted: bool
    #: Of models that everybody sees all are empty: their words are found in the database.
    summary: str
    card: str
    translations: dict[str, dict[str, str]]
    publisher: Maker


class Place(NamedTuple):
    """Where an offer is computed."""

    code: str
    name: str
    jurisdiction: str


class OfferFacts(NamedTuple):
    """What offers are chosen by."""

    pk: UUID
    name: str
    token_class_id: UUID | None
    region: Place

    @property
    def region_id(self) -> str:
        """The region's code."""
        return self.region.code


class Pace(NamedTuple):
    """How fast an offer was of late."""

    ttft_p95_ms: int | None
    tokens_per_second: Decimal | None


@dataclass(frozen=True, slots=True)
class Listing:
    """An offer with what a token costs now, as it is chosen by."""

    model: ModelFacts
    offer: OfferFacts
    measured: Pace | None
    currency: str
    input: Decimal | None
    output: Decimal | None

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
    def input_price(self) -> Money | None:
        """What a million input tokens cost."""
        return self._per_million(self.input)

    @property
    def output_price(self) -> Money | None:
        """What a million output tokens cost."""
        return self._per_million(self.output)

    def _per_million(self, per_token: Decimal | None) -> Money | None:
        return None if per_token is None else Money(per_token * 1_000_000, self.currency)


#: What is chosen from: offers read whole, or their facts; a function gives back what it was given.
Entry = PricedOffer | Listing
EntryT = TypeVar("EntryT", PricedOffer, Listing)

MODEL = "model_version__model__"
#: In the order of the fields above, those of the model first.
OF_MODELS = tuple(MODEL + name for name in ModelFacts._fields[:-4])
OF_OFFERS = ("pk", "name", "token_class_id", "region_id", "region__name", "region__jurisdiction")
OF_PACES = ("calls", "customers", *Pace._fields)
FACTS = (
    *OF_MODELS,
    "hidden_summary",
    "hidden_card",
    "hidden_translations",
    *(f"{MODEL}publisher__{name}" for name in Maker._fields),
    *OF_OFFERS,
    *(f"measurement__{name}" for name in OF_PACES),
)


def of(found: QuerySet[Offer], currency: str, special: Sequence[UUID] = ()) -> list[Listing]:
    """Return the facts of these offers, in their order, at the prices of the books."""
    words = {
        f"hidden_{name}": Case(
            When(EVERYBODYS, then=Value("")), default=F(MODEL + name), output_field=TextField()
        )
        for name in ("summary", "card")
    }
    words["hidden_translations"] = Case(
        When(EVERYBODYS, then=Value({}, JSONField())),
        default=F(f"{MODEL}translations"),
        output_field=JSONField(),
    )
    rows = list(found.annotate(**words).values_list(*FACTS))
    at, offer = timezone.now(), len(FACTS) - len(OF_PACES) - len(OF_OFFERS)
    prices = books.amounts([row[offer] for row in rows], at, currency, special)
    return [_listing(row, prices.get(row[offer], {}), currency) for row in rows]


def _listing(row: tuple[Any, ...], prices: dict[str, Decimal], currency: str) -> Listing:
    facts = iter(row)
    of_model = [next(facts) for _name in ModelFacts._fields[:-1]]
    model = ModelFacts._make([*of_model, Maker(next(facts), next(facts))])
    key, name, token_class, *place, calls, customers, ttft, speed = facts
    is_private = model.owner_id is not None
    is_told = calls is not None and is_enough(calls, customers, is_private=is_private)
    return Listing(
        model,
        OfferFacts(key, name, token_class, Place._make(place)),
        Pace(ttft, speed) if is_told else None,
        currency,
        input=prices.get(TokenPart.INPUT),
        output=prices.get(TokenPart.OUTPUT),
    )
