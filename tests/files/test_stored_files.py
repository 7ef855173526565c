"""Keeping, deleting and sweeping: exactly, whoever races or dies."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import DataError, ProgrammingError, connections
from django.utils import timezone

from common.database import service
from common.errors import DomainError
from files import blobs, queries
from files.errors import QuotaExceeded, StorageNotReady, StorageOutsideTheBorder
from files.models import FileAllowance, StoredFile
from files.services import stored_files, sweeping
from files.signals import file_kept
from tenants.models import AuditEntry
from tenants.scope import scope
from tests.files.conftest import blobs_in

PAST = timedelta(seconds=1)


def attempt(keep, **facts):
    """Keep, and close the connections this thread opened; return what was kept or the refusal."""
    try:
        return keep(**facts)
    except DomainError as refusal:
        return refusal
    finally:
        connections.close_all()


def test_uploads_racing_for_the_last_room_let_one_through(keep, acme, disk):
    with service():
        FileAllowance.objects.create(organization=acme, quota_bytes=10)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: attempt(keep, content=b"123456"), range(8)))

    refusals = [result for result in results if isinstance(result, QuotaExceeded)]
    assert len(refusals) == 7
    assert len(blobs_in(disk)) == 1
    with scope(acme):
        assert queries.room(acme).used == 6


def test_the_same_source_is_kept_once(keep, disk):
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda _: attempt(keep, source_key="result:1"), range(8)))

    assert len({file.pk for file in kept}) == 1
    assert len(blobs_in(disk)) == 1


def test_an_allowance_of_its_own_counts(keep, acme):
    with service():
        FileAllowance.objects.create(organization=acme, quota_bytes=3)

    with pytest.raises(QuotaExceeded):
        keep(b"1234")


def test_a_deleted_file_takes_no_room_and_twice_is_once(keep, acme, alice, disk):
    file = keep()

    with scope(acme):
        first = stored_files.delete(file, by=alice).deleted_at
    with scope(acme):
        again = stored_files.delete(file, by=alice).deleted_at

    assert first == again
    assert blobs_in(disk) == []
    with scope(acme):
        assert queries.room(acme).used == 0
        assert AuditEntry.objects.filter(action="file.deleted").count() == 1
        assert StoredFile.objects.get().sha256 == file.sha256


def test_a_file_whose_time_is_over_is_deleted_by_the_sweep(keep, acme, disk):
    keep(expires_at=timezone.now() - PAST)
    keep(expires_at=timezone.now() + timedelta(hours=1))

    assert (sweeping.expire(), sweeping.expire()) == (1, 0)

    assert len(blobs_in(disk)) == 1
    with scope(acme):
        entry = AuditEntry.objects.get(action="file.expired")
    assert entry.actor_kind == "system"


def test_what_a_killed_process_left_behind_is_removed(keep, acme, disk, settings):
    living, gone = keep(), keep()
    with service():
        StoredFile.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    blobs.write(blobs.Blob(acme.pk, acme.pk), ContentFile(b"never committed"))
    (settings.FILE_UPLOAD_TEMP_DIR / "cut-short").write_bytes(b"x")
    (disk / "lost+found").mkdir()
    assert sweeping.remove_orphans() == 0

    for path in [*blobs_in(disk), settings.FILE_UPLOAD_TEMP_DIR / "cut-short"]:
        os.utime(path, (0, time.time() - 90_000))
    assert sweeping.remove_orphans() == 3

    assert blobs_in(disk) == [disk / blobs.of(living).name]


def test_a_file_that_could_not_be_written_down_leaves_nothing(keep, disk):
    with pytest.raises(DataError):
        keep(filename="x" * 256)

    assert blobs_in(disk) == []


def test_data_does_not_cross_the_border(keep, acme, disk):
    acme.allowed_jurisdictions = ["KZ"]

    with pytest.raises(StorageOutsideTheBorder):
        keep()
    assert blobs_in(disk) == []


def test_nothing_is_kept_before_the_operator_says_where(keep, settings):
    settings.FILES_REGION = ""

    with pytest.raises(StorageNotReady):
        keep()


def test_the_apps_above_hear_of_a_kept_file_once(keep):
    heard = []

    def hear(**facts):
        heard.append(facts["file_id"])

    file_kept.connect(hear)
    file = keep(source_key="one")
    keep(source_key="one")
    file_kept.disconnect(hear)

    assert heard == [file.pk]


def test_the_app_role_cannot_change_what_was_kept(keep, acme):
    keep()

    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        StoredFile.objects.update(sha256="0" * 64)
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        FileAllowance.objects.update(quota_bytes=10**15)
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        StoredFile.objects.all().delete()
