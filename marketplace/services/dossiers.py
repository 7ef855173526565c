"""Keeps what is known of a model beyond its card."""

from collections.abc import Mapping
from typing import Any

from common.database import atomic
from marketplace.models import AIModel, Dossier
from tenants.models import User
from tenants.services import audit


@atomic()
def save(model: AIModel, facts: Mapping[str, Any], *, by: User | None) -> Dossier:
    """Change these facts of the model's dossier; what is the same leaves no trace."""
    AIModel.objects.locked(model.pk)
    dossier = Dossier.objects.get_or_create(model_id=model.pk)[0]
    before = {name: getattr(dossier, name) for name in facts}
    changed = [name for name in facts if before[name] != facts[name]]
    if not changed:
        return dossier
    for name in changed:
        setattr(dossier, name, facts[name])
    dossier.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="dossier.changed",
        target=model,
        before={name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return dossier
