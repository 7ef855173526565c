"""Does what two people agreed on for moments that have come; servers are asked once more before."""

from uuid import UUID

from common.database import service
from common.errors import Conflict
from marketplace import desk, probe
from marketplace.models import AIModel, ModelChange
from marketplace.services import curation, upstreams


def ask_servers(model_id: UUID) -> None:
    """Ask the model's servers whether they answer, and keep what they say; no transaction waits."""
    with service():
        servers = desk.servers_of(AIModel.objects.get(pk=model_id))
    findings = [(server, probe.look(server.base_url, server.credential)) for server in servers]
    with service():
        for server, finding in findings:
            upstreams.note(server, finding)


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
