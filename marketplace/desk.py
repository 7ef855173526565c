"""What the operator's desk shows of models, offers, prices and servers; read as the service role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from marketplace import ports, queries, readiness, showcase, viewers
from marketplace.models import AIModel, ModelChange, Offer, Price, Route, Upstream
from marketplace.readiness import Check
from marketplace.showcase import PricedOffer
from marketplace.viewers import Audience

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model with its offers and what they cost now."""

    model: AIModel
    offers: list[PricedOffer]


@dataclass(frozen=True, slots=True)
class PlacedOffer:
    """An offer with its price and its ways to servers."""

    entry: PricedOffer
    routes: list[Route]


@dataclass(frozen=True, slots=True)
class WholeModel:
    """A model with where it is sold, what it still lacks, what waits, and who sees and calls it."""

    model: AIModel
    offers: list[PlacedOffer]
    checks: list[Check]
    #: Changes that wait for a decision, or for their day.
    changes: list[ModelChange]
    audience: Audience
    requests_last_day: int


@dataclass(frozen=True, slots=True)
class PriceRow:
    """An offer with its prices, and when the next of them changes."""

    entry: PricedOffer
    changes_at: datetime | None


def models(text: str = "", status: str = "") -> QuerySet[AIModel]:
    """Return the models whose name, or name in the API, has this text in it, by name."""
    found = showcase.all_models().order_by("name", "pk")
    if text:
        fits = Q(name__icontains=text) | Q(versions__offers__name__icontains=text)
        found = found.filter(fits).distinct()
    return found.filter(status=status) if status else found


def listed(page: Iterable[AIModel]) -> list[ListedModel]:
    """Return these models with their offers and prices; two queries however many they are."""
    found = list(page)
    offers = showcase.offers_of_models(found)
    return [ListedModel(it, [o for o in offers if o.model.pk == it.pk]) for it in found]


def offers() -> QuerySet[Offer]:
    """Return every offer with its model and its region."""
    return Offer.objects.select_related("model_version__model", "region", "token_class")


def offers_of(model: AIModel) -> list[PlacedOffer]:
    """Return the model's offers with their prices and servers."""
    entries = showcase.offers_of(model)
    routes = list(
        Route.objects.filter(offer__in=[it.offer.pk for it in entries]).select_related("upstream")
    )
    return [PlacedOffer(it, [r for r in routes if r.offer_id == it.offer.pk]) for it in entries]


def whole(model: AIModel) -> WholeModel:
    """Return all that staff sees of one model."""
    return WholeModel(
        model,
        offers_of(model),
        readiness.checklist(model),
        list(model.changes.open().select_related("offer", "proposed_by")),
        viewers.of(model),
        requests_last_day(model),
    )


def price_list() -> list[PriceRow]:
    """Return every offer with its prices and the moment of its next change."""
    listed = Price.objects.standard().listed(queries.DEFAULT_CURRENCY)
    ahead = listed.upcoming(timezone.now()).order_by()
    soonest = dict(ahead.values_list("offer").annotate(Min("effective_from")))
    return [PriceRow(it, soonest.get(it.offer.pk)) for it in showcase.every_offer()]


def servers() -> QuerySet[Upstream]:
    """Return the servers with their region and how many offers they answer for."""
    counted = Upstream.objects.annotate(offer_count=Count("routes__offer", distinct=True))
    return counted.select_related("region").order_by("name", "pk")


def servers_of(model: AIModel) -> list[Upstream]:
    """Return the servers, those that are switched on, that answer for the model."""
    routed = Upstream.objects.filter(routes__offer__model_version__model=model, is_enabled=True)
    return list(routed.distinct())


def requests_last_day(model: AIModel) -> int:
    """Return how often customers called the model in the last twenty-four hours."""
    since = timezone.now() - DAY
    names = Offer.objects.filter(model_version__model=model).values_list("name", flat=True)
    return sum(ports.demand.requests(name, since=since) for name in names)
