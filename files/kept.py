"""What the operator keeps for everybody: contents of no customer, named by what they are.

The record that names one stays, so these stay too; the same content again is the same file.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from files import blobs
from files.blobs import Measure

FOLDER = "operator"


def _name(kind: str, sha256: str) -> str:
    return f"{FOLDER}/{kind}/{sha256}"


def keep(kind: str, content: File[Any]) -> Measure:
    """Keep a content; returns what it is called by."""
    measure = blobs.measure(content)
    name = _name(kind, measure.sha256)
    if default_storage.exists(name):
        if _is_whole(name, measure):
            return measure
        default_storage.delete(name)
    if (saved := default_storage.save(name, content)) != name:
        # Two brought the same at once.
        default_storage.delete(saved)
    return measure


def _is_whole(name: str, measure: Measure) -> bool:
    with default_storage.open(name, "rb") as kept:
        return blobs.measure(File(kept)) == measure


def path_of(kind: str, sha256: str) -> Path:
    """Return a content as a file of this host: from an object store it is fetched, once."""
    name = _name(kind, sha256)
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return _fetched(name)


def _fetched(name: str) -> Path:
    target = Path(settings.STATE_DIR) / "kept" / name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        default_storage.open(name, "rb") as content,
        tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part,
    ):
        shutil.copyfileobj(content, part)
    Path(part.name).replace(target)
    return target
