"""Answers about the catalogue, for pages and for the gateway."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, Q
from django.utils import timezone

from marketplace import books
from marketplace.media import UNKNOWN, MediaRule
from marketplace.models import (
    FALLBACK,
    AccessGrace,
    AccessRequest,
    AIModel,
    Measurement,
    ModelShare,
    ModelViewer,
    Offer,
    Price,
    Route,
    RouteRole,
    ServiceTier,
    TermsAcceptance,
    with_twins,
)
from marketplace.models.offers import OfferQuerySet
from tenants.models import Classification, Organization
from tenants.models.classification import cleared_for

DEFAULT_CURRENCY = "EUR"
#: With which the names of private models begin, as OpenAI writes them.
PRIVATE = "ft:"
#: So many changes of prices ahead are told.
MOST_COMING = 5


@dataclass(frozen=True, slots=True)
class RouteSnapshot:
    """One way to a server, with what is needed to call it."""

    base_url: str
    credential: str = field(repr=False)
    upstream_model: str
    weight: int
    priority: int
    #: The server's name where people watch.
    server: str = ""
    is_draining: bool = False
    connect_seconds: int = 5
    first_byte_seconds: int = 120
    idle_seconds: int = 120
    #: Whether it takes ``stream_options``, to tell the usage at the end of a stream.
    tells_usage: bool = True
    #: Whether it was ill when it was last looked at: all other servers are asked first.
    is_passed_over: bool = False


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A way on trial, and how many per cent of the requests it gets."""

    route_id: uuid.UUID
    share: int
    route: RouteSnapshot


@dataclass(frozen=True, slots=True)
class Trial:
    """The ways of an offer that are on trial."""

    canary: OnTrial | None = None
    shadow: OnTrial | None = None


@dataclass(frozen=True, slots=True)
class PricedPart:
    """The price that applies to a token part now."""

    price_id: uuid.UUID
    #: The most that one token costs, by its unit amounts.
    unit_amount: Decimal
    #: The definition, where what a token counts depends on its request.
    conditions: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ComingPrices:
    """The prices of an offer from a later moment on."""

    effective_from: datetime
    prices: dict[str, PricedPart]
    batch_prices: dict[str, PricedPart]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of an offer in the last thirty days, where it tells of no single customer."""

    since: datetime
    calls: int
    ttft_p50_ms: int | None
    ttft_p95_ms: int | None
    tokens_per_second: Decimal | None
    #: Of a hundred calls, those that did not fail because of us.
    availability: Decimal


@dataclass(frozen=True, slots=True)
class OfferSnapshot:
    """All the gateway must know to admit, route and price a request for one offer."""

    offer_id: uuid.UUID
    name: str
    status: str
    kind: str
    region: str
    jurisdiction: str
    publisher: str
    context_window: int
    max_output: int
    template_tokens_per_message: int
    template_tokens_base: int
    default_rpm: int
    default_tpm: int
    default_concurrency: int
    token_class_id: uuid.UUID | None
    weights: dict[str, Decimal]
    currency: str
    prices: dict[str, PricedPart]
    #: The same for lines of a batch.
    batch_prices: dict[str, PricedPart]
    routes: tuple[RouteSnapshot, ...]
    created_at: datetime
    #: Whether ``prices`` are those of batches.
    is_batch: bool = False
    media: MediaRule = UNKNOWN
    #: The hash of the file of its tokenizer; none: bytes bound its prompts.
    tokenizer: str = ""
    #: Where the model's page stands; since when it is announced to go, and when it goes.
    slug: str = ""
    deprecated_at: datetime | None = None
    retires_at: datetime | None = None
    #: The model to use instead, by id.
    replaced_by: uuid.UUID | None = None
    features: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    #: Its prices of later days, the next first.
    coming: tuple["ComingPrices", ...] = ()
    #: The most confidential data that the model may be given.
    clearance: str = Classification.INTERNAL
    #: Whose model it is, by id, and which projects may call it; None: everybody's.
    owner: str = ""
    projects: frozenset[uuid.UUID] | None = None
    #: The customers and groups that see it, by id; None: everybody does.
    viewers: frozenset[uuid.UUID] | None = None
    #: Whose model this is an offer of, what must be agreed to before it is called, and whether the
    #: operator lets each customer in.
    model_id: uuid.UUID | None = None
    terms: uuid.UUID | None = None
    needs_approval: bool = False
    #: Ways that are tried out on its requests; mostly none.
    trial: Trial | None = None
    measured: Figures | None = None


def price_in_force(
    offer: Offer, token_part: str, at: datetime, currency: str = DEFAULT_CURRENCY
) -> Price | None:
    """Return the price of the part at the instant; a part without one costs what its twin does."""
    price = Price.objects.of(offer, token_part, currency).in_force(at).first()
    twin = FALLBACK.get(token_part)
    if price is None and twin is not None:
        return price_in_force(offer, twin, at, currency)
    return price


def prices_in_force(
    offers: Iterable[uuid.UUID],
    at: datetime,
    currency: str = DEFAULT_CURRENCY,
    service_tier: str = ServiceTier.STANDARD,
) -> dict[uuid.UUID, dict[str, Price]]:
    """Return, per offer, the price of each part that has one at the instant (no fallbacks)."""
    return prices_by_tier(offers, at, currency)[service_tier]


def prices_by_tier(
    offers: Iterable[uuid.UUID],
    at: datetime,
    currency: str = DEFAULT_CURRENCY,
    special: Sequence[uuid.UUID] = (),
) -> books.Priced:
    """Return the same for every tier, one question for each book; see :mod:`marketplace.books`."""
    return books.in_force(offers, at, currency, special)


def seen_by(organization: Organization, model: str = "") -> Q:
    """Return the condition that the organization sees a model: it alone, or everybody, or some.

    ``model`` leads to it from what is asked, such as ``model_version__model__``.
    """
    shown = ModelViewer.objects.of(organization).values("model")
    shared = ModelShare.objects.open().filter(organization=organization).values("model")
    everybodys = Q(**{f"{model}owner": None, f"{model}is_restricted": False})
    return (
        everybodys
        | Q(**{f"{model}is_restricted": True, f"{model}pk__in": shown})
        | Q(**{f"{model}pk__in": shared})
    )


def offers_for(organization: Organization) -> OfferQuerySet:
    """Return the offers that this organization may call by its policy, region and clearance.

    Of private models those that a project of it may call, of restricted ones those that it is shown;
    of those that ask for terms or approval those for which it has accepted the one and was given the
    other, or that it calls as before for a time.
    """
    enough = cleared_for(organization.classification)
    offers = Offer.objects.live().select_related(
        "model_version__model__publisher", "region", "token_class"
    )
    offers = offers.filter(seen_by(organization, "model_version__model__"))
    offers = offers.filter(model_version__model__clearance__in=enough)
    agreed = TermsAcceptance.objects.filter(organization=organization).values("terms")
    granted = AccessRequest.objects.granted().filter(organization=organization).values("model")
    model = "model_version__model"
    has_agreed = Q(**{f"{model}__terms": None}) | Q(**{f"{model}__terms__in": agreed})
    is_let_in = Q(**{f"{model}__needs_approval": False}) | Q(**{f"{model}__in": granted})
    as_before = AccessGrace.objects.filter(organization=organization, until__gt=timezone.now())
    has_time = Q(**{f"{model}__in": as_before.values("model")})
    offers = offers.filter((has_agreed & is_let_in) | has_time)
    if organization.allowed_jurisdictions:
        offers = offers.filter(region__jurisdiction__in=organization.allowed_jurisdictions)
    return offers


def retired_at(name: str, organization_id: uuid.UUID) -> datetime | None:
    """Return since when a private model is retired; None where the organization never had it."""
    shares = ModelShare.objects.filter(organization=organization_id).values("model")
    gone = Offer.objects.filter(name=name, model_version__model__in=shares).exclude(
        pk__in=Offer.objects.live().values("pk")
    )
    found = gone.select_related("model_version__model").first()
    return found.model_version.model.retires_at if found else None


@dataclass(frozen=True, slots=True)
class Gone:
    """A model that was on sale: since when it is retired, and what to call instead."""

    retired_at: datetime
    replacement: str
    #: The customers and groups that saw it, and that see the other; None: everybody.
    viewers: frozenset[uuid.UUID] | None = None
    replacement_viewers: frozenset[uuid.UUID] | None = None


def retired() -> dict[str, Gone]:
    """Return by name in the API the operator's models that customers could call once."""
    gone = Offer.objects.exclude(pk__in=Offer.objects.live().values("pk")).filter(
        model_version__model__owner=None,
        model_version__model__published_at__isnull=False,
        model_version__model__retires_at__isnull=False,
    )
    live = dict(
        Offer.objects.live().order_by("-name").values_list("model_version__model_id", "name")
    )
    viewers = _viewers_of_restricted()
    model = "model_version__model"
    facts = ("name", model, f"{model}__retires_at", f"{model}__replaced_by")
    return {
        name: Gone(at, live.get(successor, ""), viewers.get(key), viewers.get(successor))
        for name, key, at, successor in gone.values_list(*facts)
        if at is not None
    }


def _viewers_of_restricted() -> dict[uuid.UUID, frozenset[uuid.UUID]]:
    restricted = AIModel.objects.filter(is_restricted=True).prefetch_related("viewers")
    return {model.pk: viewers for model in restricted if (viewers := _viewers(model)) is not None}


def snapshot(
    currency: str = DEFAULT_CURRENCY,
    at: datetime | None = None,
    special: Sequence[uuid.UUID] = (),
) -> list[OfferSnapshot]:
    """Return every offer that can be called, as the gateway keeps them in memory.

    ``special`` are the books that come before the default one, in order.
    """
    routes = Route.objects.filter(upstream__is_enabled=True).select_related("upstream")
    offers = list(
        Offer.objects.live()
        .select_related("model_version__model__publisher", "region", "token_class", "measurement")
        .prefetch_related(
            Prefetch("routes", routes),
            Prefetch("model_version__model__shares", ModelShare.objects.open()),
            "model_version__model__viewers",
            "token_class__weights",
        )
    )
    keys, at = [offer.pk for offer in offers], at or timezone.now()
    tiers = prices_by_tier(keys, at, currency, special)
    ahead = {
        moment: prices_by_tier(keys, moment, currency, special)
        for moment in books.changes(at, currency, special)[:MOST_COMING]
    }
    return [
        _snapshot(
            offer,
            tiers[ServiceTier.STANDARD].get(offer.pk, {}),
            tiers[ServiceTier.BATCH].get(offer.pk, {}),
            currency,
            _coming(offer.pk, tiers, ahead),
        )
        for offer in offers
    ]


def _coming(
    offer: uuid.UUID, now: books.Priced, ahead: Mapping[datetime, books.Priced]
) -> tuple[ComingPrices, ...]:
    """Return what the offer will cost from each moment on at which it costs something else."""
    found: list[ComingPrices] = []
    last = _both(offer, now)
    for moment, tiers in ahead.items():
        present = _both(offer, tiers)
        if present != last:
            standard, batch = (_priced(prices) for prices in present)
            found.append(ComingPrices(moment, standard, batch))
        last = present
    return tuple(found)


def _both(offer: uuid.UUID, tiers: books.Priced) -> tuple[dict[str, Price], dict[str, Price]]:
    return tiers[ServiceTier.STANDARD].get(offer, {}), tiers[ServiceTier.BATCH].get(offer, {})


def _snapshot(
    offer: Offer,
    prices: dict[str, Price],
    batch: dict[str, Price],
    currency: str,
    coming: tuple[ComingPrices, ...],
) -> OfferSnapshot:
    model = offer.model_version.model
    return OfferSnapshot(
        offer_id=offer.pk,
        name=offer.name,
        status=offer.status,
        kind=model.kind,
        region=offer.region.code,
        jurisdiction=offer.region.jurisdiction,
        publisher=model.publisher.slug,
        context_window=model.context_window,
        max_output=model.max_output,
        template_tokens_per_message=model.template_tokens_per_message,
        template_tokens_base=model.template_tokens_base,
        default_rpm=offer.default_rpm,
        default_tpm=offer.default_tpm,
        default_concurrency=offer.default_concurrency,
        token_class_id=offer.token_class_id,
        weights=_weights(offer),
        currency=currency,
        prices=_priced(prices),
        batch_prices=_priced(batch),
        routes=tuple(_route(it) for it in offer.routes.all() if not it.is_on_trial),
        trial=_trial(offer),
        created_at=offer.created_at,
        media=model.media_rule,
        tokenizer=offer.model_version.tokenizer_sha256,
        slug=model.slug,
        deprecated_at=model.deprecated_at,
        retires_at=model.retires_at,
        replaced_by=model.replaced_by_id,
        features=tuple(model.features),
        modalities=tuple(model.modalities),
        coming=coming,
        clearance=model.clearance,
        owner=str(model.owner_id or ""),
        projects=_projects(model),
        viewers=_viewers(model),
        model_id=model.pk,
        terms=model.terms_id,
        needs_approval=model.needs_approval,
        measured=_figures(offer),
    )


def _figures(offer: Offer) -> Figures | None:
    found: Measurement | None = getattr(offer, "measurement", None)
    if found is None or not found.is_enough:
        return None
    return Figures(
        since=found.since,
        calls=found.calls,
        ttft_p50_ms=found.ttft_p50_ms,
        ttft_p95_ms=found.ttft_p95_ms,
        tokens_per_second=found.tokens_per_second,
        availability=found.availability,
    )


def _projects(model: AIModel) -> frozenset[uuid.UUID] | None:
    if model.owner_id is None:
        return None
    return frozenset(share.project_id for share in model.shares.all())


def _viewers(model: AIModel) -> frozenset[uuid.UUID] | None:
    if not model.is_restricted:
        return None
    both = ((it.organization_id, it.group_id) for it in model.viewers.all())
    return frozenset(each for pair in both for each in pair if each is not None)


def _weights(offer: Offer) -> dict[str, Decimal]:
    if offer.token_class is None:
        return {}
    return with_twins({it.token_part: it.weight for it in offer.token_class.weights.all()})


def _priced(prices: dict[str, Price]) -> dict[str, PricedPart]:
    return with_twins({part: _part(price) for part, price in prices.items()})


#: What of a definition weighs tokens by their request.
CONDITIONS = {"long_context", "time_of_day", "batch_multiplier"}


def _part(price: Price) -> PricedPart:
    has_conditions = bool(CONDITIONS & price.definition.keys())
    return PricedPart(price.pk, price.per_token, price.definition if has_conditions else None)


def _trial(offer: Offer) -> Trial | None:
    tried = {
        it.role: OnTrial(it.pk, it.share, _route(it))
        for it in offer.routes.all()
        if it.is_on_trial and it.share
    }
    return Trial(tried.get(RouteRole.CANARY), tried.get(RouteRole.SHADOW)) if tried else None


def _route(route: Route) -> RouteSnapshot:
    return RouteSnapshot(
        base_url=route.upstream.base_url,
        credential=route.upstream.credential,
        upstream_model=route.upstream_model,
        weight=route.weight,
        priority=route.priority,
        server=route.upstream.slug,
        is_draining=route.upstream.is_draining,
        connect_seconds=route.upstream.connect_seconds,
        first_byte_seconds=route.upstream.first_byte_seconds,
        idle_seconds=route.upstream.idle_seconds,
        tells_usage=route.upstream.tells_usage,
        is_passed_over=route.upstream.is_passed_over,
    )
