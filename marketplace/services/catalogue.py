"""Adding a model with all it needs, and changing what its card and its terms say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from django.utils.text import slugify

from common.database import atomic
from marketplace.addresses import is_reserved
from marketplace.errors import (
    AddressReserved,
    AddressTaken,
    LastRoute,
    NameTaken,
    RouteElsewhere,
    RouteTaken,
    TrialTaken,
)
from marketplace.models import (
    AIModel,
    ModelVersion,
    Offer,
    Publisher,
    Route,
    RouteRole,
    TokenClass,
    Upstream,
)
from marketplace.models.catalogue import LIVE
from marketplace.services import pricing
from tenants.models import User
from tenants.services import audit


@dataclass(frozen=True, slots=True)
class Terms:
    """How a new model is offered: under which name, who answers, how much, how its tokens burn."""

    name: str
    upstream: Upstream
    upstream_model: str
    version: str
    quantization: str = ""
    token_class: TokenClass | None = None
    #: ``default_rpm``, ``default_tpm`` and ``default_concurrency``, where they are not the usual.
    limits: Mapping[str, int] = field(default_factory=dict)


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
    model = _draft(card, publisher(publisher_name))
    offer = _offer(model, terms)
    Route.objects.create(offer=offer, upstream=terms.upstream, upstream_model=terms.upstream_model)
    pricing.change(offer, per_million, by=by)
    after = {**card, "offer": terms.name, "server": terms.upstream.name}
    audit.record(organization=None, actor=by, action="model.added", target=model, after=after)
    return model


@atomic()
def edit(
    model: AIModel, *, card: Mapping[str, Any], publisher_name: str, by: User | None
) -> AIModel:
    """Change what the model's card says; its address and its prices stay."""
    model = AIModel.objects.locked(model.pk)
    facts = {**card, "publisher": publisher(publisher_name)}
    before = {name: getattr(model, name) for name in facts}
    changed = [name for name in facts if before[name] != facts[name]]
    if not changed:
        return model
    for name in changed:
        setattr(model, name, facts[name])
    model.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="model.edited",
        target=model,
        before={name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return model


@atomic()
def change_terms(offer: Offer, facts: Mapping[str, Any], *, by: User | None) -> Offer:
    """Change an offer's limits and its class of tokens; the name programs call stays."""
    offer = Offer.objects.locked(offer.pk)
    before = {name: getattr(offer, name) for name in facts}
    changed = [name for name in facts if before[name] != facts[name]]
    if not changed:
        return offer
    for name in changed:
        setattr(offer, name, facts[name])
    offer.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="offer.changed",
        target=offer,
        before={name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return offer


@atomic()
def add_route(offer: Offer, facts: Mapping[str, Any], *, by: User | None) -> Route:
    """Let one more server answer for the offer, in the region it is sold for."""
    check_route(offer, facts)
    try:
        with atomic():
            route = Route.objects.create(offer=offer, **facts)
    except IntegrityError as error:
        if "one_trial_of_a_kind" in str(error):
            raise TrialTaken(field_errors={"role": [TrialTaken.detail]}) from error
        raise RouteTaken(field_errors={"upstream_model": [RouteTaken.detail]}) from error
    _record_route("route.added", route, by, after=_route_facts(route))
    return route


def check_route(offer: Offer, facts: Mapping[str, Any]) -> None:
    """Refuse a way that leads elsewhere, that is there, or that a trial is in the way of."""
    if facts["upstream"].region_id != offer.region_id:
        raise RouteElsewhere(field_errors={"upstream": [RouteElsewhere.detail]})
    same = {name: facts[name] for name in ("upstream", "upstream_model")}
    if offer.routes.filter(**same).exists():
        raise RouteTaken(field_errors={"upstream_model": [RouteTaken.detail]})
    role = facts.get("role", RouteRole.SERVES)
    if role != RouteRole.SERVES and offer.routes.filter(role=role).exists():
        raise TrialTaken(field_errors={"role": [TrialTaken.detail]})


@atomic()
def rename_route(route: Route, upstream_model: str, *, by: User | None) -> Route:
    """Ask the server for the model by another name; one that is the same changes nothing."""
    Offer.objects.locked(route.offer_id)
    route = Route.objects.get(pk=route.pk)
    before = _route_facts(route)
    if route.upstream_model == upstream_model:
        return route
    route.upstream_model = upstream_model
    try:
        with atomic():
            route.save(update_fields=["upstream_model", "updated_at"])
    except IntegrityError as error:
        raise RouteTaken(field_errors={"upstream_model": [RouteTaken.detail]}) from error
    _record_route("route.changed", route, by, before=before, after=_route_facts(route))
    return route


@atomic()
def remove_route(route: Route, *, by: User | None) -> None:
    """Ask a server no longer; an offer on sale keeps at least one enabled server."""
    offer = Offer.objects.locked(route.offer_id)
    serving = offer.routes.filter(upstream__is_enabled=True, role=RouteRole.SERVES)
    is_needed = offer.status in LIVE and not route.is_on_trial
    if is_needed and not serving.exclude(pk=route.pk).exists():
        raise LastRoute
    _record_route("route.removed", route, by, before=_route_facts(route))
    route.delete()


def _draft(card: Mapping[str, Any], publisher: Publisher) -> AIModel:
    if is_reserved(card["slug"]):
        raise AddressReserved(field_errors={"slug": [AddressReserved.detail]})
    # The database says who was first: a look beforehand would let two through.
    try:
        with atomic():
            return AIModel.objects.create(publisher=publisher, **card)
    except IntegrityError as error:
        raise AddressTaken(field_errors={"slug": [AddressTaken.detail]}) from error


def _offer(model: AIModel, terms: Terms) -> Offer:
    version = ModelVersion.objects.create(
        model=model, label=terms.version, quantization=terms.quantization
    )
    try:
        with atomic():
            return Offer.objects.create(
                model_version=version,
                region=terms.upstream.region,
                name=terms.name,
                token_class=terms.token_class,
                **terms.limits,
            )
    except IntegrityError as error:
        raise NameTaken(field_errors={"offer_name": [NameTaken.detail]}) from error


def publisher(name: str) -> Publisher:
    """Return who is called so, known before or new."""
    slug = slugify(name, allow_unicode=True)[:50]
    found, _ = Publisher.objects.get_or_create(slug=slug, defaults={"name": name})
    return found


def _route_facts(route: Route) -> dict[str, Any]:
    names = ("upstream", "upstream_model", "priority", "weight", "role", "share")
    return {name: getattr(route, name) for name in names}


def _record_route(
    action: str,
    route: Route,
    by: User | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        organization=None, actor=by, action=action, target=route, before=before, after=after
    )
