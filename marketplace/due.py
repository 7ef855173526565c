"""Does what two people agreed on for moments that have come; servers are asked once more before."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from uuid import UUID

from django.db.models import QuerySet

from common import sweeping
from common.database import service
from common.errors import Conflict
from marketplace import conformance, desk, probe
from marketplace.conformance import Way
from marketplace.models import (
    AIModel,
    ModelChange,
    PriceMove,
    Reachability,
    Route,
    ServerChange,
    Upstream,
)
from marketplace.models.offers import ProbeState
from marketplace.probe import Finding
from marketplace.services import curation, moves, server_changes, upstreams
from tenants.models import User

#: So many servers are looked at together.
AT_ONCE = 16
#: How a check went, from the best to the worst.
GRADES = (ProbeState.PASSED, ProbeState.UNKNOWN, ProbeState.FAILED)


def ask_servers(model_id: UUID) -> None:
    """Ask the model's servers whether they answer, and keep what they say; no transaction waits."""
    with service():
        servers = desk.servers_of(AIModel.objects.get(pk=model_id))
        upstreams.begin_looks(servers)
    findings = [(server, probe.look(server)) for server in servers]
    with service():
        for server, finding in findings:
            upstreams.note(server, finding)
        routes = list(_routes().filter(offer__model_version__model=model_id))
    probe_routes(routes)


def look_at_servers() -> int:
    """Look at every server whose turn it is, some at a time; return how many. No transaction waits.

    A server is claimed when there is room to look at it; those that are left when the next turn
    comes are left to that one.
    """
    with service():
        upstreams.forget_looks()
    ends, begun = time.monotonic() + upstreams.REST.total_seconds(), 0
    looks: dict[Future[Finding], Upstream] = {}
    with ThreadPoolExecutor(max_workers=AT_ONCE) as lookers:
        while True:
            for server in _claim(AT_ONCE - len(looks)) if time.monotonic() < ends else ():
                looks[lookers.submit(probe.look, server)] = server
                begun += 1
            if not looks:
                return begun
            # What was found is kept as it comes: a slow one holds nobody else's verdict up.
            done, _running = wait(looks, return_when=FIRST_COMPLETED)
            notes = [partial(_note, looks.pop(look), look) for look in done]
            sweeping.each(notes, trouble="look_failed")


def _claim(most: int) -> list[Upstream]:
    with service():
        return upstreams.claim_due(most)


def _note(server: Upstream, look: Future[Finding]) -> None:
    # It may have been removed meanwhile, with what it answered for.
    with suppress(Upstream.DoesNotExist), service():
        upstreams.note(server, look.result())


def probe_server(server: Upstream) -> None:
    """Probe every model that the server answers for, and keep what is found."""
    with service():
        routes = list(_routes().filter(upstream=server))
    probe_routes(routes)


def probe_routes(routes: Iterable[Route]) -> None:
    """Ask as the gateway would, way by way, and keep what is found; no transaction waits."""
    for route in routes:
        found = conformance.probe(_way(route))
        with service():
            upstreams.note_conformance(route, found)


def probe_change(change_id: UUID, *, by: User) -> None:
    """Probe the way that somebody else proposed, for every model that would be asked there; keep it."""
    with service():
        changes = ServerChange.objects.select_related("upstream", "offer__model_version__model")
        change = changes.get(pk=change_id)
        server_changes.check_second(change, by)
        routes = _ways_of(change)
    server = change.upstream
    server.credential, server.base_url = change.new_credential, change.base_url or server.base_url
    reachability = probe.look(server).reachability
    found: dict[str, dict[str, str]] = {}
    if reachability == Reachability.ANSWERS:
        for route in routes:
            route.upstream = server
            route.upstream_model = change.upstream_model or route.upstream_model
            name = route.offer.name
            found[name] = _worse(found.get(name, {}), conformance.probe(_way(route)))
    with service():
        server_changes.note_probe(change, reachability, found)


def _worse(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return how two ways of one offer did: of each check, what is worse."""
    both = {it: max(one.get(it, state), state, key=GRADES.index) for it, state in other.items()}
    return {**one, **both}


def _ways_of(change: ServerChange) -> list[Route]:
    if change.offer is not None:
        return [Route(offer=change.offer, upstream_model=change.upstream_model)]
    ways = _routes(off_too=True).filter(upstream=change.upstream)
    return list(ways.filter(pk=change.route_id) if change.route_id else ways)


def _way(route: Route) -> Way:
    upstream = route.upstream
    return Way(
        upstream.base_url,
        upstream.credential,
        route.upstream_model,
        route.offer.model_version.model.kind,
        tells_usage=upstream.tells_usage,
        stops_on_hang_up=upstream.stops_on_hang_up,
        metrics_path=upstream.metrics_path,
    )


def _routes(*, off_too: bool = False) -> QuerySet[Route]:
    ways = Route.objects.all() if off_too else Route.objects.filter(upstream__is_enabled=True)
    return ways.select_related("upstream", "offer__model_version__model")


def apply_changes() -> int:
    """Do every change whose moment has come; return how many this call did."""
    with service():
        due = list(ModelChange.objects.due().order_by("takes_effect_at", "pk"))
    return sum(_apply(change) for change in due)


def _apply(change: ModelChange) -> bool:
    if change.kind == ModelChange.Kind.PUBLISH:
        ask_servers(change.model_id)
    try:
        with service():
            curation.apply_due(change)
    except Conflict:
        # Another worker was faster, or somebody took it back a moment ago.
        return False
    return True


def make_moves() -> int:
    """Let customers pay by other prices as it was planned; return how many moves this call closed."""
    with service():
        due = list(PriceMove.objects.due())
    return sum(_move(move) for move in due)


def _move(move: PriceMove) -> bool:
    try:
        with service():
            return moves.do_due(move).status != PriceMove.Status.PLANNED
    except Conflict:
        # Another worker was faster, or somebody took it back a moment ago.
        return False
