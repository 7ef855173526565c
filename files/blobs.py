"""The content of files, in Django's default storage: a folder here, an object store elsewhere.

A blob is named ``<organization>/<file>`` and is written before its row is committed, and removed
after its row says so: what lies there without a living row is rubbish (see ``services.sweeping``).
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage

from files.models import StoredFile

PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Measure:
    """What a content is, without the content."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Blob:
    """One content that lies there."""

    organization_id: uuid.UUID
    file_id: uuid.UUID

    @property
    def name(self) -> str:
        """Where it lies."""
        return f"{self.organization_id}/{self.file_id}"

    @property
    def written_at(self) -> datetime:
        """When it was written."""
        return default_storage.get_modified_time(self.name)


def of(file: StoredFile) -> Blob:
    """Return the file's blob."""
    return Blob(file.organization_id, file.pk)


def measure(content: File[Any]) -> Measure:
    """Read the content once, in constant memory."""
    digest, size = hashlib.sha256(), 0
    for chunk in content.chunks(PIECE):
        size += len(chunk)
        digest.update(chunk)
    content.seek(0)
    return Measure(size, digest.hexdigest())


def write(blob: Blob, content: File[Any]) -> None:
    """Write the content; one that was spooled on the same disk is moved."""
    default_storage.save(blob.name, content)


def open_blob(blob: Blob) -> IO[bytes]:
    """Open the content for reading."""
    return default_storage.open(blob.name, "rb")


def pieces(content: IO[bytes]) -> Iterator[bytes]:
    """Yield an opened content without keeping it, then close it."""
    with content:
        while piece := content.read(PIECE):
            yield piece


def remove(blob: Blob) -> None:
    """Remove the content; one that is gone stays gone."""
    default_storage.delete(blob.name)


def location(file: StoredFile) -> str:
    """Return the address from which a job reads the content."""
    name = of(file).name
    try:
        return "file://" + default_storage.path(name)
    except NotImplementedError:
        return default_storage.url(name)


def every() -> Iterator[Blob]:
    """Yield all that lies there and is ours."""
    if not default_storage.exists(""):
        return
    for organization in default_storage.listdir("")[0]:
        for file in default_storage.listdir(organization)[1]:
            with suppress(ValueError):
                yield Blob(uuid.UUID(organization), uuid.UUID(file))
