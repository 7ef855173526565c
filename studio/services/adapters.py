"""Adapters in servers that have their base: loaded, forgotten, and loaded again after a restart.

No lock is held while a server is asked; what it was asked for is written only while that is still
wished.
"""

import uuid

from django.utils import timezone

from common.database import service
from studio import artifacts
from studio.engines import AdapterEngine, EngineRefused, Vllm
from studio.models import TunedModel


def reconcile(tuned_id: uuid.UUID) -> None:
    """Have the server hold the adapter, or forget it, as is wished; nothing where it has no server."""
    with service():
        found = TunedModel.objects.select_related("engine", "offer").filter(pk=tuned_id).first()
    if found is None or found.engine is None or not (found.is_wanted or found.loaded_at):
        return
    trouble = ""
    try:
        _bring_about(Vllm(found.engine.base_url.rstrip("/"), found.engine.credential), found)
    except EngineRefused as refusal:
        trouble = str(refusal)[:300]
    with service():
        now = TunedModel.objects.locked(tuned_id)
        if (now.is_wanted, now.engine_id) == (found.is_wanted, found.engine_id):
            _write(now, trouble)


def _bring_about(engine: AdapterEngine, tuned: TunedModel) -> None:
    is_there = tuned.offer.name in engine.names()
    if tuned.is_wanted and not is_there:
        engine.load(tuned.offer.name, str(artifacts.folder(tuned.artifact) / tuned.learnt))
    elif is_there and not tuned.is_wanted:
        engine.unload(tuned.offer.name)


def _write(now: TunedModel, trouble: str) -> None:
    now.engine_trouble = trouble
    if not trouble:
        now.loaded_at = (now.loaded_at or timezone.now()) if now.is_wanted else None
    elif now.is_wanted:
        now.loaded_at = None
    now.save(update_fields=["engine_trouble", "loaded_at", "updated_at"])
