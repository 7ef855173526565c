"""`/v1/uploads`, driven by OpenAI's own client: parts become the file, exactly once."""

import hashlib
import threading
from datetime import timedelta

import openai
import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from openai.types import Upload as Theirs

from common.database import service
from common.ids import public_id, uuid7
from files.errors import UploadOver
from files.models import FileAllowance, StoredFile, Upload, UploadPart
from files.services import stored_files, sweeping, uploads
from tenants.models import Membership
from tenants.scope import scope
from tenants.services import organizations
from tests.files.conftest import blobs_in

WHOLE = b'{"a": 1}\n{"b": 2}\n'
FIRST, SECOND = WHOLE[:7], WHOLE[7:]
FACTS = {"filename": "train.jsonl", "mime_type": "application/jsonl", "purpose": "fine-tune"}


def begin(client, **facts):
    return client.uploads.create(**{"bytes": len(WHOLE), **FACTS, **facts})


def parts_of(client, upload, *contents):
    made = [client.uploads.parts.create(upload.id, data=content) for content in contents]
    return [part.id for part in made]


def row(upload):
    with service():
        pk = upload.id.removeprefix("upload-")
        return Upload.objects.select_related("organization").get(pk=pk)


def kept():
    with service():
        return StoredFile.objects.filter(deleted_at=None).count()


def test_parts_in_the_order_that_is_named_become_the_file(client, disk):
    upload = begin(client)
    second, first = parts_of(client, upload, SECOND, FIRST)

    done = client.uploads.complete(
        upload.id,
        part_ids=[first, second],
        md5=hashlib.md5(WHOLE, usedforsecurity=False).hexdigest(),
    )

    assert Theirs.model_validate(done.to_dict())
    assert (upload.status, done.status, done.file.bytes) == ("pending", "completed", len(WHOLE))
    assert client.files.content(done.file.id).read() == WHOLE
    # The parts are gone.
    assert len(blobs_in(disk)) == 1


def test_their_client_sends_a_file_in_pieces(client, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(WHOLE)

    done = client.uploads.upload_file_chunked(
        file=path, mime_type="application/jsonl", purpose="fine-tune", part_size=5
    )

    assert client.files.content(done.file.id).read() == WHOLE


def test_who_goes_on_after_a_break_is_told_what_is_there(client):
    upload = begin(client)
    [part] = parts_of(client, upload, FIRST)

    found = client.get(f"/uploads/{upload.id}", cast_to=object)

    assert (found["status"], found["tessera"]) == (
        "pending",
        {"parts": [{"id": part, "bytes": len(FIRST)}]},
    )


def test_completed_again_it_is_the_same_file(client):
    upload = begin(client)
    ids = parts_of(client, upload, FIRST, SECOND)

    files = {client.uploads.complete(upload.id, part_ids=ids).file.id for _ in range(2)}

    assert (len(files), kept()) == (1, 1)


def test_completed_by_many_at_once_it_is_one_file(client, acme, alice):
    upload = row(begin(client))
    made = [uploads.add_part(upload, ContentFile(it)).pk for it in (FIRST, SECOND)]
    together = threading.Barrier(4)

    def complete():
        together.wait()
        uploads.complete(upload, made, by=alice)

    threads = [threading.Thread(target=complete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept() == 1


def test_who_dies_before_saying_so_keeps_no_second_file(client, alice, monkeypatch):
    upload = row(begin(client))
    made = [uploads.add_part(upload, ContentFile(it)).pk for it in (FIRST, SECOND)]
    monkeypatch.setattr(uploads, "_end", killed)
    with pytest.raises(SystemExit):
        uploads.complete(upload, made, by=alice)
    monkeypatch.undo()

    uploads.complete(upload, made, by=alice)

    assert kept() == 1


def killed(*_facts):
    raise SystemExit


def test_cancelled_while_it_is_completed_nothing_is_kept(client, alice, monkeypatch):
    upload = row(begin(client))
    made = [uploads.add_part(upload, ContentFile(it)).pk for it in (FIRST, SECOND)]
    keep = stored_files.keep

    def keep_and_cancel(*args, **facts):
        found = keep(*args, **facts)
        uploads.cancel(upload)
        return found

    monkeypatch.setattr(uploads.stored_files, "keep", keep_and_cancel)
    with pytest.raises(UploadOver):
        uploads.complete(upload, made, by=alice)

    assert kept() == 0


def test_cancelled_it_is_over_and_takes_no_room(client, disk):
    upload = begin(client)
    ids = parts_of(client, upload, FIRST)

    cancelled = [client.uploads.cancel(upload.id).status for _ in range(2)]

    assert cancelled == ["cancelled", "cancelled"]
    assert blobs_in(disk) == []
    for late in (
        lambda: client.uploads.parts.create(upload.id, data=SECOND),
        lambda: client.uploads.complete(upload.id, part_ids=ids),
    ):
        with pytest.raises(openai.ConflictError, match="This upload is cancelled") as refused:
            late()
        assert refused.value.code == "upload_not_pending"


def test_after_an_hour_it_is_over_and_its_parts_are_swept(client, disk, monkeypatch):
    upload = begin(client)
    ids = parts_of(client, upload, FIRST)
    monkeypatch.setattr(sweeping, "BENEFIT", timedelta(0))
    assert sweeping.remove_orphans() == 0
    with service():
        Upload.objects.update(expires_at=timezone.now())

    assert sweeping.remove_orphans() == 1
    assert blobs_in(disk) == []
    with pytest.raises(openai.ConflictError, match="expired"):
        client.uploads.complete(upload.id, part_ids=ids)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"bytes": 0}, "invalid_request"),
        ({"bytes": 10**12}, "file_too_large"),
        ({"filename": "train.csv"}, "invalid_file_name"),
        ({"purpose": "batch_output"}, "invalid_request"),
    ],
)
def test_what_could_not_be_kept_is_refused_at_once(client, facts, code):
    with pytest.raises(openai.APIStatusError) as refused:
        begin(client, **facts)

    assert refused.value.code == code
    with service():
        assert not Upload.objects.exists()


def test_what_is_announced_counts_against_the_quota(client, acme):
    with service():
        FileAllowance.objects.create(organization=acme, quota_bytes=30)
    begin(client)

    with pytest.raises(openai.APIStatusError) as refused:
        begin(client)

    assert refused.value.code == "storage_quota_exceeded"


@pytest.mark.parametrize(
    ("named", "md5", "param", "sentence"),
    [
        ([0], None, "part_ids", "7 bytes came, and 18 were announced."),
        ([0, 1, 1], None, "part_ids", "29 bytes came"),
        ([0, 1], "0" * 32, "md5", "The MD5 checksum of what came is"),
        ([0, None], None, "part_ids", "Part 2 is none of this upload."),
    ],
)
def test_what_is_not_what_was_announced_is_no_file(client, named, md5, param, sentence):
    upload = begin(client)
    ids = parts_of(client, upload, FIRST, SECOND)
    chosen = [public_id("part", uuid7()) if it is None else ids[it] for it in named]

    with pytest.raises(openai.APIStatusError, match=sentence) as refused:
        client.uploads.complete(upload.id, part_ids=chosen, md5=md5 or openai.omit)

    assert refused.value.param == param
    assert kept() == 0


@pytest.mark.parametrize("ids", [[], ["file-1"], [7]])
def test_ids_that_are_none_are_refused(client, ids):
    upload = begin(client)

    with pytest.raises(openai.BadRequestError, match="part_ids"):
        client.post(f"/uploads/{upload.id}/complete", body={"part_ids": ids}, cast_to=object)


def test_an_empty_part_and_too_much_are_refused(client, monkeypatch):
    upload = begin(client)

    with pytest.raises(openai.APIStatusError) as empty:
        client.uploads.parts.create(upload.id, data=b"")
    with pytest.raises(openai.APIStatusError) as over:
        client.uploads.parts.create(upload.id, data=b"x" * 40)

    assert (empty.value.code, over.value.code) == ("file_empty", "file_too_large")
    with service():
        assert not UploadPart.objects.exists()


def test_to_others_it_does_not_exist(client, portal, key_of, charlie, bob, acme):
    upload = begin(client)
    theirs = organizations.found(name="Theirs", owner=charlie, country="FR")
    with service():
        Membership.objects.filter(user=bob).update(role="auditor")

    with pytest.raises(openai.NotFoundError):
        portal.client(key_of(theirs, charlie)).uploads.cancel(upload.id)
    with pytest.raises(openai.PermissionDeniedError):
        portal.client(key_of(acme, bob)).uploads.cancel(upload.id)
    with scope(acme):
        assert Upload.objects.get().expires_at > timezone.now()
