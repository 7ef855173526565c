"""Where customers' requests go changes under four eyes: one person proposes, another agrees.

A server is live while an offer that is on sale, or in review, has a way to it, and while a change of
it waits: what a second person reads must hold until they agree. So it is while it is switched off, and
switching it on again is two people's. What does not lead elsewhere (names, seconds, draining, switching off), and what takes a way out of service, is one person's to change.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic
from common.errors import Conflict, Forbidden
from common.ids import uuid7
from common.languages import listed
from marketplace.errors import NewWayFails, NotOnTrial, ServerChangeProposed
from marketplace.models import Offer, Reachability, Route, RouteRole, ServerChange, Upstream
from marketplace.models.offers import ProbeState
from marketplace.services import catalogue, trials, upstreams
from tenants.models import User
from tenants.services import audit

Kind, State = ServerChange.Kind, ServerChange.Status
#: What is said of a way when it is added.
WAY = ("priority", "weight", "role", "share")


def is_live(upstream: Upstream) -> bool:
    """Whether requests of customers go there, or would once it is switched on or somebody agrees."""
    return _is_asked(upstream) or _waits(upstream)


def _is_asked(upstream: Upstream) -> bool:
    return Route.objects.filter(upstream=upstream, offer__in=Offer.objects.watched()).exists()


def _waits(upstream: Upstream) -> bool:
    return ServerChange.objects.waiting().filter(upstream=upstream).exists()


@atomic()
def change(
    upstream: Upstream, facts: Mapping[str, Any], *, by: User, forget_credential: bool = False
) -> ServerChange | None:
    """Change a server; of a live one, propose what leads elsewhere and do the rest. None: all is done."""
    upstream = Upstream.objects.select_for_update().get(pk=upstream.pk)
    if not is_live(upstream):
        upstreams.change(upstream, facts, by=by, forget_credential=forget_credential)
        return None
    base_url = facts["base_url"] if facts["base_url"] != upstream.base_url else ""
    credential = facts["credential"] if facts["credential"] != upstream.credential else ""
    forgets = forget_credential and upstream.has_credential
    # Whoever switched it off had a reason, and it may be another machine by now.
    is_back = facts["is_enabled"] and not upstream.is_enabled and _is_asked(upstream)
    rest = {**facts, "base_url": upstream.base_url, "credential": ""}
    upstreams.change(upstream, rest | ({"is_enabled": False} if is_back else {}), by=by)
    if not (base_url or credential or forgets or is_back):
        return None
    return _propose(
        ServerChange(
            upstream=upstream,
            base_url=base_url,
            credential=credential,
            sets_credential=bool(credential),
            forgets_credential=forgets,
            facts={"is_enabled": True} if is_back else {},
            proposed_by=by,
        )
    )


@atomic()
def rename(route: Route, upstream_model: str, *, by: User) -> ServerChange | None:
    """Ask a server for a model by another name; for an offer on sale, propose it. None: it is done."""
    is_watched = _is_watched(route.upstream, route.offer)
    route = Route.objects.select_related("upstream", "offer").get(pk=route.pk)
    if not is_watched or route.upstream_model == upstream_model:
        catalogue.rename_route(route, upstream_model, by=by)
        return None
    return _propose(
        ServerChange(
            upstream=route.upstream, route=route, upstream_model=upstream_model, proposed_by=by
        )
    )


@atomic()
def add_way(offer: Offer, facts: Mapping[str, Any], *, by: User) -> Route | ServerChange:
    """Let one more server answer for an offer; of one that is on sale or in review, propose it."""
    is_watched = _is_watched(facts["upstream"], offer)
    upstream = Upstream.objects.get(pk=facts["upstream"].pk)
    if not is_watched:
        return catalogue.add_route(offer, facts, by=by)
    catalogue.check_route(offer, facts)
    return _propose(
        ServerChange(
            upstream=upstream,
            offer=offer,
            base_url=upstream.base_url,
            upstream_model=facts["upstream_model"],
            facts={name: facts[name] for name in WAY},
            proposed_by=by,
        )
    )


@atomic()
def promote(route: Route, *, by: User) -> ServerChange | None:
    """Let a canary answer everything; of an offer that is watched, propose it. None: it is done."""
    is_watched = _is_watched(route.upstream, route.offer)
    route = Route.objects.select_related("upstream", "offer").get(pk=route.pk)
    if route.role != RouteRole.CANARY:
        raise NotOnTrial
    if not is_watched:
        trials.promote(route, by=by)
        return None
    facts = {"role": RouteRole.SERVES.value}
    return _propose(ServerChange(upstream=route.upstream, route=route, facts=facts, proposed_by=by))


@atomic()
def give(route: Route, share: int, *, by: User) -> ServerChange | None:
    """Let a way on trial have so many per cent; None: it is done.

    Of a canary of an offer that is watched, more than was agreed to is proposed. Less, and none at
    all, is one person's; so is how many copies a shadow gets, as it answers nobody.
    """
    is_watched = _is_watched(route.upstream, route.offer)
    route = Route.objects.select_related("upstream", "offer").get(pk=route.pk)
    is_free = not is_watched or route.role != RouteRole.CANARY
    if is_free or share <= _agreed_share(route):
        trials.give(route, share, by=by)
        return None
    return _propose(
        ServerChange(upstream=route.upstream, route=route, facts={"share": share}, proposed_by=by)
    )


@atomic()
def note_probe(
    change: ServerChange, reachability: str, conformance: Mapping[str, Mapping[str, str]]
) -> ServerChange:
    """Keep what a probe of the new way found, by name in the API."""
    change = _locked(change)
    change.reachability, change.conformance = reachability, dict(conformance)
    change.probed_at = timezone.now()
    change.save()
    return change


def check_second(change: ServerChange, by: User) -> None:
    """Refuse who proposed it: already a probe sends the stored credential where nobody else looked.

    So it does where the server of a way that is added was taken elsewhere meanwhile.
    """
    if not change.is_proposed:
        raise Conflict
    if change.kind == Kind.ADD and change.base_url != change.upstream.base_url:
        raise Conflict
    if change.proposed_by_id == by.pk:
        raise Forbidden(_("Somebody else has to probe and approve what you proposed."))


@atomic()
def approve(change: ServerChange, *, by: User) -> ServerChange:
    """Let requests go where somebody else proposed, if the probe of a moment ago found it well."""
    change = _locked(change)
    check_second(change, by)
    if trouble := in_the_way(change):
        raise NewWayFails(trouble)
    credential = change.new_credential
    change.decided_by = by
    if change.kind == Kind.ADD:
        # The database lets a way in that an applied change names.
        change.route_id = uuid7()
    change = _closed(change, State.APPLIED, by)
    _do(change, credential, by)
    return change


@atomic()
def refuse(change: ServerChange, *, by: User, answer: str) -> ServerChange:
    """Close a proposal without effect, and say why."""
    change = _locked(change)
    change.decided_by, change.answer = by, answer
    return _closed(change, State.REFUSED, by)


@atomic()
def take_back(change: ServerChange, *, by: User) -> ServerChange:
    """Close what nobody has decided on."""
    return _closed(_locked(change), State.WITHDRAWN, by)


@atomic()
def remove_way(route: Route, *, by: User) -> None:
    """Ask a server no longer for an offer; what waits for this way is taken back."""
    # As everywhere: the server's row first.
    Upstream.objects.select_for_update().get(pk=route.upstream_id)
    take_back_of([route], by=by)
    catalogue.remove_route(route, by=by)


@atomic()
def take_back_of(routes: Iterable[Route], *, by: User | None) -> None:
    """Close what nobody has decided on of ways that go; what was decided stays on record."""
    waiting = ServerChange.objects.waiting().filter(route__in=list(routes))
    for change in waiting.told().select_for_update(of=("self",)).order_by("pk"):
        _closed(change, State.WITHDRAWN, by)


def in_the_way(change: ServerChange) -> str:
    """Return why requests cannot go there, in a sentence; empty where they can."""
    facts = {"server": change.upstream.name, "trouble": change.get_reachability_display()}
    if change.probed_at is None:
        return _("The new way has not been probed yet.")
    if change.reachability != Reachability.ANSWERS:
        return _("“%(server)s” %(trouble)s there. Nothing was changed.") % facts
    failed = [name for name, it in change.conformance.items() if ProbeState.FAILED in it.values()]
    if failed and settings.CONFORMANCE_NEEDED:
        words = _("The probe of the new way failed for: %(names)s. Nothing was changed.")
        return words % {"names": listed(failed)}
    return ""


def _do(change: ServerChange, credential: str, by: User) -> None:
    if change.kind == Kind.ADD:
        _add(change, by)
    elif change.kind in (Kind.REACH, Kind.ON):
        upstream = change.upstream
        present = {name: getattr(upstream, name) for name in upstreams.CHANGEABLE}
        facts = {**present, "credential": credential}
        facts["base_url"] = change.base_url or upstream.base_url
        facts["is_enabled"] = change.facts.get("is_enabled", upstream.is_enabled)
        upstreams.change(upstream, facts, by=by, forget_credential=change.forgets_credential)
    elif change.route is None:
        # The database lets no way go while something of it waits.
        raise Conflict
    elif change.kind == Kind.NAME:
        catalogue.rename_route(change.route, change.upstream_model, by=by)
    elif change.kind == Kind.PROMOTE:
        trials.promote(change.route, by=by)
    else:
        trials.give(change.route, change.facts["share"], by=by)


def _add(change: ServerChange, by: User) -> None:
    offer = change.offer
    assert offer is not None  # noqa: S101 - the kind says so
    way = {"upstream": change.upstream, "upstream_model": change.upstream_model}
    found = {
        "conformance": change.conformance.get(offer.name, {}),
        "conformed_at": change.probed_at,
    }
    catalogue.add_route(offer, {"id": change.route_id, **way, **change.facts, **found}, by=by)


def _is_watched(upstream: Upstream, offer: Offer) -> bool:
    # As everywhere: the server's row first, then the offer's, so that none goes on sale meanwhile.
    Upstream.objects.select_for_update().get(pk=upstream.pk)
    Offer.objects.locked(offer.pk)
    return Offer.objects.watched().filter(pk=offer.pk).exists()


def _agreed_share(route: Route) -> int:
    agreed = route.changes.filter(status=State.APPLIED).values_list("facts__share", flat=True)
    return max(route.share, *(share or 0 for share in agreed), 0)


def _propose(change: ServerChange) -> ServerChange:
    if change.route is not None:
        was = {name: getattr(change.route, name) for name in ("upstream_model", "role", "share")}
        change.way = {"offer": change.route.offer.name, **was}
    try:
        with atomic():
            change.save(force_insert=True)
    except IntegrityError as error:
        raise ServerChangeProposed from error
    return _written(change, "proposed", change.proposed_by)


def _locked(change: ServerChange) -> ServerChange:
    # As everywhere: the server's row first, then what is said of it.
    Upstream.objects.select_for_update().get(pk=change.upstream_id)
    change = ServerChange.objects.locked(change.pk)
    if not change.is_proposed:
        raise Conflict
    return change


def _closed(change: ServerChange, status: ServerChange.Status, by: User | None) -> ServerChange:
    change.status, change.decided_at = status, timezone.now()
    # Where it is of use it stands on the server now.
    change.credential = ""
    change.save()
    return _written(change, status.value, by)


def _written(change: ServerChange, act: str, by: User | None) -> ServerChange:
    audit.record(
        organization=None,
        actor=by,
        action=f"server_change.{act}",
        target=change,
        after={
            "server": change.upstream.name,
            "model": change.told_name,
            "base_url": change.base_url,
            "upstream_model": change.upstream_model,
            "facts": change.facts,
            # That there is another credential may be told; the credential itself never.
            "sets_credential": change.sets_credential,
            "forgets_credential": change.forgets_credential,
            "reachability": change.reachability,
            "conformance": change.conformance,
            "answer": change.answer,
        },
    )
    return change
