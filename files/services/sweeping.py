"""Removing what time is over for, and what somebody killed left behind."""

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from common.database import service
from files import blobs
from files.blobs import Blob
from files.models import StoredFile, Upload, UploadPart
from files.services import stored_files

#: A blob is written before its row: so long it is given the benefit of the doubt.
BENEFIT = timedelta(hours=1)
#: No upload takes longer.
LONGEST_UPLOAD = timedelta(days=1)
AT_ONCE = 500


def expire() -> int:
    """Delete the files whose time is over; return how many there were."""
    with service():
        expired = list(StoredFile.objects.expired().order_by("expires_at")[:AT_ONCE])
    for file in expired:
        with service():
            stored_files.delete(file, by=None, why="expired")
    return len(expired)


def remove_orphans() -> int:
    """Remove contents without a living row, and uploads cut short; return how many there were."""
    before = timezone.now() - BENEFIT
    old = [blob for blob in blobs.every() if blob.written_at < before]
    orphans = [blob for blob in old if not _is_needed(blob)]
    for blob in orphans:
        blobs.remove(blob)
    return len(orphans) + _remove_cut_short()


def _is_needed(blob: Blob) -> bool:
    with service():
        kept = StoredFile.objects.filter(pk=blob.file_id, deleted_at=None)
        waiting = UploadPart.objects.filter(pk=blob.file_id, upload__in=Upload.objects.open())
        return kept.exists() or waiting.exists()


def _remove_cut_short() -> int:
    before = time.time() - LONGEST_UPLOAD.total_seconds()
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    stale = [path for path in folder.iterdir() if path.stat().st_mtime < before]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
