"""Does what two people agreed on for moments that have come; servers are asked once more before."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from common.database import service
from common.errors import Conflict
from marketplace import conformance, desk, probe
from marketplace.conformance import Way
from marketplace.models import AIModel, ModelChange, PriceMove, Route, Upstream
from marketplace.services import curation, moves, upstreams


def ask_servers(model_id: UUID) -> None:
    """Ask the model's servers whether they answer, and keep what they say; no transaction waits."""
    with service():
        servers = desk.servers_of(AIModel.objects.get(pk=model_id))
    findings = [(server, probe.look(server)) for server in servers]
    with service():
        for server, finding in findings:
            upstreams.note(server, finding)
        routes = list(_routes().filter(offer__model_version__model=model_id))
    probe_routes(routes)


def probe_server(server: Upstream) -> None:
    """Probe every model that the server answers for, and keep what is found."""
    with service():
        routes = list(_routes().filter(upstream=server))
    probe_routes(routes)


def probe_routes(routes: Iterable[Route]) -> None:
    """Ask as the gateway would, way by way, and keep what is found; no transaction waits."""
    for route in routes:
        upstream, kind = route.upstream, route.offer.model_version.model.kind
        way = Way(
            upstream.base_url,
            upstream.credential,
            route.upstream_model,
            kind,
            tells_usage=upstream.tells_usage,
            stops_on_hang_up=upstream.stops_on_hang_up,
        )
        found = conformance.probe(way)
        with service():
            upstreams.note_conformance(route, found)


def _routes() -> QuerySet[Route]:
    ways = Route.objects.filter(upstream__is_enabled=True)
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
    """Let customers pay by other prices as it was planned; return how many moves this call made."""
    with service():
        due = list(PriceMove.objects.due())
    return sum(_move(move) for move in due)


def _move(move: PriceMove) -> bool:
    try:
        with service():
            moves.do_due(move)
    except Conflict:
        # Another worker was faster, or somebody took it back a moment ago.
        return False
    return True
