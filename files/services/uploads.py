"""Files that arrive in parts, so that a connection that breaks costs a part and not the whole."""

import hashlib
import tempfile
import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import IO, Any

from django.core.files import File
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import on_commit
from common.ids import uuid7
from files import blobs
from files.blobs import Blob
from files.errors import FileEmpty, FileTooLarge, UploadNotWhole, UploadOver
from files.models import StoredFile, Upload, UploadPart
from files.services import stored_files
from tenants.models import ApiKey, Organization, User
from tenants.scope import scope

#: In which all parts have to come.
PATIENCE = timedelta(hours=1)
LARGEST_PART = 64 * 1024 * 1024


def begin(
    organization: Organization,
    *,
    filename: str,
    purpose: str,
    size: int,
    keep_seconds: int | None = None,
) -> Upload:
    """Announce a file; what could not be kept is refused now. Call it outside any transaction."""
    stored_files.check(filename, purpose, size)
    with scope(organization):
        stored_files.lock(organization)
        coming = Upload.objects.open().filter(organization=organization)
        announced = coming.aggregate(sum=Sum("bytes"))["sum"] or 0
        stored_files.check_room(organization, size, beside=announced)
        return Upload.objects.create(
            organization=organization,
            filename=filename,
            purpose=purpose,
            bytes=size,
            keep_seconds=keep_seconds,
            expires_at=timezone.now() + PATIENCE,
        )


def add_part(upload: Upload, content: File[Any]) -> UploadPart:
    """Keep a part, or nothing of it. Call it outside any transaction."""
    size = content.size
    if size == 0:
        raise FileEmpty(field_errors={"data": [FileEmpty.detail]})
    if size > LARGEST_PART:
        words = _("A part has %(limit)s at most.") % {"limit": filesizeformat(LARGEST_PART)}
        raise FileTooLarge(words)
    part = UploadPart(id=uuid7(), organization=upload.organization, upload=upload, bytes=size)
    blob = Blob(upload.organization_id, part.pk)
    blobs.write(blob, content)
    try:
        with scope(upload.organization_id):
            locked = _open(upload)
            sent = locked.parts.aggregate(sum=Sum("bytes"))["sum"] or 0
            # A part that was sent again is there twice until its sender names the ones that count.
            if sent + size > 2 * locked.bytes:
                raise FileTooLarge(_("The parts are more than the file that was announced."))
            part.save(force_insert=True)
    except BaseException:
        blobs.remove(blob)
        raise
    return part


def complete(
    upload: Upload, part_ids: Sequence[uuid.UUID], *, by: User | ApiKey, md5: str = ""
) -> Upload:
    """Make the file of these parts in this order; completed again it is the same one.

    Call it outside any transaction. Raises ``UploadNotWhole`` where a part is not there, or where
    size or checksum are not what was announced.
    """
    with scope(upload.organization_id):
        upload = Upload.objects.select_related("organization", "file__region").get(pk=upload.pk)
        if upload.file is not None:
            return upload
        _check_open(upload)
        parts = UploadPart.objects.filter(upload=upload).in_bulk(part_ids)
    with tempfile.TemporaryFile() as whole:
        _join([_named(parts, it, place) for place, it in enumerate(part_ids)], whole)
        _check_whole(upload, whole, md5)
        file = stored_files.keep(
            upload.organization,
            File(whole),
            filename=upload.filename,
            purpose=upload.purpose,
            by=by,
            # Who dies between keeping it and saying so, or does it beside itself, keeps one.
            source_key=f"parts:{upload.pk}",
            expires_at=_expiry(upload),
        )
    return _end(upload, file, by)


def cancel(upload: Upload) -> Upload:
    """Give the upload up; what has come of it is removed. Twice is once."""
    with scope(upload.organization_id):
        upload = Upload.objects.locked(upload.pk)
        if upload.cancelled_at is None:
            _check_open(upload)
            upload.cancelled_at = timezone.now()
            upload.save(update_fields=["cancelled_at", "updated_at"])
            _remove_parts(upload)
    return upload


def _open(upload: Upload) -> Upload:
    locked = Upload.objects.locked(upload.pk)
    _check_open(locked)
    return locked


def _check_open(upload: Upload) -> None:
    if upload.status != Upload.Status.PENDING:
        words = _("This upload is %(status)s.") % {"status": upload.status.value}
        raise UploadOver(words)


def _named(parts: dict[Any, UploadPart], part_id: uuid.UUID, place: int) -> UploadPart:
    if part := parts.get(part_id):
        return part
    words = _("Part %(number)s is none of this upload.") % {"number": place + 1}
    raise UploadNotWhole(field_errors={"part_ids": [words]})


def _join(parts: Sequence[UploadPart], whole: IO[bytes]) -> None:
    for part in parts:
        with blobs.open_blob(Blob(part.organization_id, part.pk)) as content:
            for piece in File(content).chunks(blobs.PIECE):
                whole.write(piece)
    whole.seek(0)


def _check_whole(upload: Upload, whole: IO[bytes], md5: str) -> None:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for piece in File(whole).chunks(blobs.PIECE):
        digest.update(piece)
        size += len(piece)
    whole.seek(0)
    if size != upload.bytes:
        words = _("%(size)s bytes came, and %(announced)s were announced.")
        facts = {"size": size, "announced": upload.bytes}
        raise UploadNotWhole(field_errors={"part_ids": [words % facts]})
    if md5 and md5.lower() != digest.hexdigest():
        words = _("The MD5 checksum of what came is %(found)s.") % {"found": digest.hexdigest()}
        raise UploadNotWhole(field_errors={"md5": [words]})


def _expiry(upload: Upload) -> Any:
    if upload.keep_seconds is None:
        return None
    return timezone.now() + timedelta(seconds=upload.keep_seconds)


def _end(upload: Upload, file: StoredFile, by: User | ApiKey) -> Upload:
    with scope(upload.organization_id):
        locked = Upload.objects.locked(upload.pk)
        if locked.cancelled_at is not None:
            stored_files.delete(file, by=by)
        elif locked.file_id is None:
            locked.file = file
            locked.save(update_fields=["file", "updated_at"])
            _remove_parts(locked)
    if locked.cancelled_at is not None:
        _check_open(locked)
    return locked


def _remove_parts(upload: Upload) -> None:
    found = [Blob(part.organization_id, part.pk) for part in upload.parts.all()]
    for blob in found:
        on_commit(partial(blobs.remove, blob))
