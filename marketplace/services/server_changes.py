"""Where customers' requests go changes under four eyes: one person proposes, another agrees.

A server is live while an offer on sale has a way to it. What does not lead elsewhere (names, seconds,
draining, switching off) is one person's to change.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic
from common.errors import Conflict, Forbidden
from marketplace.errors import NewWayFails, ServerChangeProposed
from marketplace.models import Offer, Reachability, Route, ServerChange, Upstream
from marketplace.models.offers import ProbeState
from marketplace.services import catalogue, upstreams
from tenants.models import User
from tenants.services import audit

State = ServerChange.Status


def is_live(upstream: Upstream) -> bool:
    """Whether requests of customers go there, or would once it is switched on."""
    return Route.objects.filter(upstream=upstream, offer__in=Offer.objects.live()).exists()


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
    rest = {**facts, "base_url": upstream.base_url, "credential": ""}
    upstreams.change(upstream, rest, by=by)
    if not (base_url or credential or forgets):
        return None
    return _propose(
        ServerChange(
            upstream=upstream,
            base_url=base_url,
            credential=credential,
            sets_credential=bool(credential),
            forgets_credential=forgets,
            proposed_by=by,
        )
    )


@atomic()
def rename(route: Route, upstream_model: str, *, by: User) -> ServerChange | None:
    """Ask a server for a model by another name; for an offer on sale, propose it. None: it is done."""
    route = Route.objects.select_related("upstream").get(pk=route.pk)
    is_sold = Offer.objects.live().filter(pk=route.offer_id).exists()
    if not is_sold or route.upstream_model == upstream_model:
        catalogue.rename_route(route, upstream_model, by=by)
        return None
    return _propose(
        ServerChange(
            upstream=route.upstream, route=route, upstream_model=upstream_model, proposed_by=by
        )
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
    """Refuse who proposed it: already a probe sends the stored credential where nobody else looked."""
    if not change.is_proposed:
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
    if change.route is not None:
        catalogue.rename_route(change.route, change.upstream_model, by=by)
    else:
        upstream = change.upstream
        present = {name: getattr(upstream, name) for name in upstreams.CHANGEABLE}
        facts = {**present, "credential": change.credential}
        facts["base_url"] = change.base_url or upstream.base_url
        upstreams.change(upstream, facts, by=by, forget_credential=change.forgets_credential)
    change.decided_by = by
    return _closed(change, State.APPLIED, by)


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
        return words % {"names": ", ".join(failed)}
    return ""


def _propose(change: ServerChange) -> ServerChange:
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


def _closed(change: ServerChange, status: ServerChange.Status, by: User) -> ServerChange:
    change.status, change.decided_at = status, timezone.now()
    # Where it is of use it stands on the server now.
    change.credential = ""
    change.save()
    return _written(change, status.value, by)


def _written(change: ServerChange, act: str, by: User) -> ServerChange:
    audit.record(
        organization=None,
        actor=by,
        action=f"server_change.{act}",
        target=change,
        after={
            "server": change.upstream.name,
            "model": change.route.offer.name if change.route else None,
            "base_url": change.base_url,
            "upstream_model": change.upstream_model,
            # That there is another credential may be told; the credential itself never.
            "sets_credential": change.sets_credential,
            "forgets_credential": change.forgets_credential,
            "reachability": change.reachability,
            "conformance": change.conformance,
            "answer": change.answer,
        },
    )
    return change
