"""Keeps what is known of a model beyond its card."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.files import File
from django.utils.translation import gettext as _

from common.database import atomic, service
from common.errors import NotFound
from marketplace import dossier_files, ports
from marketplace.errors import DossierFileKept, DossierFileRefused, DossierFileShown, InReview
from marketplace.models import AIModel, Dossier, ModelChange, Status
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


def attach(model_id: UUID, content: File[Any], *, about: str, by: User | None) -> None:
    """Keep a file with a model's dossier, for staff alone; the same again is refused.

    Call it outside any transaction: the content is kept first, and stays where nothing names it.
    """
    entry = dossier_files.entry(content.name or "", content.read(), about.strip())
    content.seek(0)
    ports.contents.keep(dossier_files.KIND, content)
    with service():
        model = AIModel.objects.locked(model_id)
        if model.status == Status.IN_REVIEW:
            raise InReview
        present = locked(model).kept_files
        if any(it["sha256"] == entry["sha256"] for it in present):
            raise DossierFileKept(field_errors={"file": [DossierFileKept.detail]})
        if len(present) >= dossier_files.MOST:
            raise DossierFileRefused(field_errors={"file": [_("The dossier is full.")]})
        save(model, {"kept_files": [*present, entry]}, by=by)


@atomic()
def remove(model: AIModel, sha256: str, *, by: User | None) -> None:
    """Take a file out of the dossier that customers cannot have, and that nobody proposes to show."""
    model = AIModel.objects.locked(model.pk)
    if model.status == Status.IN_REVIEW:
        raise InReview
    dossier = locked(model)
    found(dossier.kept_files, sha256)
    waiting = model.changes.open().filter(kind=ModelChange.Kind.DOSSIER)
    proposed = [it for change in waiting for it in change.facts.get("files", ())]
    if any(it["sha256"] == sha256 for it in (*dossier.files, *proposed)):
        raise DossierFileShown
    left = [it for it in dossier.kept_files if it["sha256"] != sha256]
    save(model, {"kept_files": left}, by=by)


def locked(model: AIModel) -> Dossier:
    """Return the model's dossier, locked with its model."""
    AIModel.objects.locked(model.pk)
    return Dossier.objects.get_or_create(model_id=model.pk)[0]


def found(entries: Iterable[dict[str, Any]], sha256: str) -> dict[str, Any]:
    """Return the file of this hash."""
    for it in entries:
        if it["sha256"] == sha256:
            return it
    raise NotFound
