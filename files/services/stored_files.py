"""Keeping and deleting files."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import IntegrityError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic, on_commit
from common.ids import uuid7
from files import blobs, queries
from files.blobs import Blob, Measure
from files.errors import (
    FileEmpty,
    FileTooLarge,
    QuotaExceeded,
    StorageNotReady,
    StorageOutsideTheBorder,
    WrongName,
)
from files.models import FileAllowance, Purpose, StoredFile
from files.signals import file_kept
from tenants.models import ApiKey, Organization, Region, User
from tenants.scope import scope
from tenants.services import audit

LINES = (Purpose.FINE_TUNE, Purpose.BATCH)


def keep(
    organization: Organization,
    content: File[Any],
    *,
    filename: str,
    purpose: str,
    by: User | ApiKey | None,
    source_key: str = "",
    expires_at: datetime | None = None,
) -> StoredFile:
    """Keep the whole content and count it against the quota, or keep nothing.

    What we make ourselves (``by`` nobody) is counted and never refused for its size. The same
    ``source_key`` again returns the file that was kept first. Call it outside any transaction: the
    content is written before one is opened.
    """
    _check_name(filename, purpose)
    measure = blobs.measure(content)
    _check_size(measure.bytes, limit=settings.FILES_LARGEST if by is not None else None)
    file = StoredFile(
        organization=organization,
        id=(file_id := uuid7()),
        source_key=source_key or f"upload:{file_id}",
        filename=filename,
        purpose=purpose,
        bytes=measure.bytes,
        sha256=measure.sha256,
        region=_region_for(organization),
        expires_at=expires_at,
    )
    if by is not None:
        with scope(organization):
            check_room(organization, measure.bytes)
    blobs.write(blobs.of(file), content)
    try:
        kept = _insert(file, measure, by)
    except BaseException:
        blobs.remove(blobs.of(file))
        raise
    if kept.pk != file.pk:
        blobs.remove(blobs.of(file))
    return kept


def _check_name(filename: str, purpose: str) -> None:
    if purpose in LINES and not filename.lower().endswith(".jsonl"):
        raise WrongName(
            field_errors={"file": [_("A file for this purpose is JSON Lines, named *.jsonl.")]}
        )


def _check_size(size: int, *, limit: int | None) -> None:
    if size == 0:
        raise FileEmpty(field_errors={"file": [FileEmpty.detail]})
    if limit is not None and size > limit:
        words = _("The file is larger than %(limit)s.") % {"limit": filesizeformat(limit)}
        raise FileTooLarge(words)


def check(filename: str, purpose: str, size: int) -> None:
    """Refuse what :func:`keep` would refuse of such a file, before any of it is there."""
    _check_name(filename, purpose)
    _check_size(size, limit=settings.FILES_LARGEST)


def _region_for(organization: Organization) -> Region:
    region = Region.objects.filter(code=settings.FILES_REGION).first()
    if region is None:
        raise StorageNotReady
    allowed = organization.allowed_jurisdictions
    if allowed and region.jurisdiction not in allowed:
        raise StorageOutsideTheBorder
    return region


def check_room(organization: Organization, size: int, *, beside: int = 0) -> None:
    """Refuse what does not fit into the quota, ``beside`` what else is on its way."""
    room = queries.room(organization)
    if not room.has(size + beside):
        facts = {
            "size": filesizeformat(size),
            "used": filesizeformat(room.used),
            "quota": filesizeformat(room.quota),
        }
        raise QuotaExceeded(
            _("This file (%(size)s) does not fit: %(used)s of %(quota)s are used. Delete files.")
            % facts
        )


def _insert(file: StoredFile, measure: Measure, by: User | ApiKey | None) -> StoredFile:
    organization = file.organization
    with scope(organization):
        lock(organization)
        known = StoredFile.objects.filter(
            organization=organization, source_key=file.source_key
        ).first()
        if known is not None:
            return known
        if by is not None:
            check_room(organization, measure.bytes)
        file.save(force_insert=True)
        audit.record(
            organization=organization,
            actor=by,
            action="file.kept",
            target=file,
            after={
                "purpose": file.purpose,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "region": file.region_id,
                "expires_at": file.expires_at,
            },
        )
        facts = {"organization_id": organization.pk, "file_id": file.pk, "purpose": file.purpose}
        on_commit(lambda: file_kept.send_robust(StoredFile, **facts))
    return file


def lock(organization: Organization) -> None:
    """Let one at a time count what the organization keeps."""
    try:
        with atomic():
            allowance, _made = FileAllowance.objects.get_or_create(
                organization=organization, defaults={"quota_bytes": settings.FILES_QUOTA}
            )
    except IntegrityError:
        allowance = FileAllowance.objects.get(organization=organization)
    FileAllowance.objects.locked(allowance.pk)


@atomic()
def delete(file: StoredFile, *, by: User | ApiKey | None, why: str = "deleted") -> StoredFile:
    """Delete the content for ever; twice is once. The row stays: what was made of it names it."""
    file = StoredFile.objects.locked(file.pk)
    if file.deleted_at:
        return file
    file.deleted_at = timezone.now()
    file.save(update_fields=["deleted_at", "updated_at"])
    audit.record(
        organization=file.organization,
        actor=by,
        action=f"file.{why}",
        target=file,
        before={"bytes": file.bytes, "sha256": file.sha256},
        after={"deleted_at": file.deleted_at},
    )
    blob = Blob(file.organization_id, file.pk)
    on_commit(lambda: blobs.remove(blob))
    return file
