"""The tokenizer of a model's version: attached once it was seen to count, taken away again."""

import hashlib
import tempfile
from typing import Any

from django.core.files import File

from common.database import atomic, service
from marketplace import ports
from marketplace.models import ModelVersion
from marketplace.tokenizing import checking, wire
from marketplace.tokenizing.checking import Facts
from tenants.models import User
from tenants.services import audit

NAMES = ("tokenizer_sha256", "tokenizer_filename", "tokenizer_bytes", "tokenizer_vocabulary")


def attach(
    version: ModelVersion, content: File[Any], *, filename: str, by: User | None
) -> ModelVersion:
    """Let the file count for the version, or refuse it with the reason and change nothing.

    Call it outside any transaction: it is read by a process of its own first, which takes a while.
    """
    size = content.size
    sha256, facts = _checked(content)
    content.seek(0)
    ports.contents.keep(wire.KIND, content)
    with service():
        return _change(version, (sha256, filename[:255], size, facts.vocabulary), by)


def _checked(content: File[Any]) -> tuple[str, Facts]:
    with tempfile.NamedTemporaryFile() as copy:
        digest = hashlib.sha256()
        for chunk in content.chunks():
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        return digest.hexdigest(), checking.check(copy.name, digest.hexdigest())


def remove(version: ModelVersion, *, by: User | None) -> ModelVersion:
    """Let bytes count for the version again; the file stays, for receipts were made with it."""
    return _change(version, ("", "", 0, 0), by)


@atomic()
def _change(version: ModelVersion, facts: tuple[Any, ...], by: User | None) -> ModelVersion:
    version = ModelVersion.objects.locked(version.pk)
    after = dict(zip(NAMES, facts, strict=True))
    before = {name: getattr(version, name) for name in NAMES}
    if before == after:
        return version
    for name, value in after.items():
        setattr(version, name, value)
    version.save(update_fields=[*NAMES, "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="model.tokenizer_changed",
        target=version,
        before=before,
        after=after,
    )
    return version
