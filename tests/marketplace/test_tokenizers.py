"""The file that counts a version's tokens: what staff may attach, and what is refused with a reason."""

import hashlib
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.database import service
from files import kept
from marketplace import queries
from marketplace.models import ModelVersion
from marketplace.tokenizing import wire
from tenants.models import AuditEntry
from tests.support import vocabulary


@pytest.fixture
def version(mini):
    """The version behind an offer on sale."""
    return ModelVersion.objects.get(pk=mini.model_version_id)


@pytest.fixture
def good():
    """A file that counts."""
    return vocabulary.made().to_str().encode()


def attach(client, version, content, name="tokenizer.json"):
    file = SimpleUploadedFile(name, content)
    return client.post(f"/staff/tokenizers/{version.pk}/", {"file": file}, follow=True)


def snapshot_of(offer):
    return next(found for found in queries.snapshot() if found.offer_id == offer.pk)


def without(content, **changes):
    return json.dumps(json.loads(content) | changes).encode()


def test_a_tokenizer_is_kept_under_its_hash_and_told_to_gateways(
    staff_client, mini, version, good, sam
):
    page = attach(staff_client, version, good)

    version.refresh_from_db()
    sha256 = hashlib.sha256(good).hexdigest()
    assert "The tokenizer is attached." in page.content.decode()
    assert (version.tokenizer_sha256, version.tokenizer_bytes) == (sha256, len(good))
    assert version.tokenizer_vocabulary == vocabulary.made().get_vocab_size()
    assert kept.path_of(wire.KIND, sha256).read_bytes() == good
    assert snapshot_of(mini).tokenizer == sha256
    with service():
        entry = AuditEntry.objects.get(action="model.tokenizer_changed")
    assert (entry.actor_user, entry.after["tokenizer_sha256"]) == (sam, sha256)


def test_attaching_the_same_file_twice_changes_nothing(staff_client, version, good):
    attach(staff_client, version, good)
    attach(staff_client, version, good)

    with service():
        assert AuditEntry.objects.filter(action="model.tokenizer_changed").count() == 1


def test_a_tokenizer_is_taken_away(staff_client, mini, version, good):
    attach(staff_client, version, good)

    page = staff_client.post(f"/staff/tokenizers/{version.pk}/remove/", follow=True)

    assert "Bytes count within seconds." in page.content.decode()
    assert snapshot_of(mini).tokenizer == ""


EMPTY = {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}
DEAF = {"type": "Replace", "pattern": {"Regex": "."}, "content": ""}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": None}, "This is no tokenizer.json"),
        ({"model": {"type": "Magic"}}, "This is no tokenizer.json"),
        ({"model": EMPTY, "pre_tokenizer": None}, "It counts 1 tokens in the 62 bytes"),
        ({"normalizer": DEAF}, "It counts 0 tokens"),
    ],
)
def test_what_does_not_count_is_refused_with_the_reason(
    staff_client, mini, version, good, changes, reason
):
    page = attach(staff_client, version, without(good, **changes))

    assert page.status_code == 422
    assert reason in page.content.decode()
    assert snapshot_of(mini).tokenizer == ""


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"PK\x03\x04" * 50])
def test_what_is_no_json_is_refused_with_the_reason(staff_client, version, content):
    page = attach(staff_client, version, content)

    assert page.status_code == 422
    assert "This is no tokenizer.json:" in page.content.decode()


def test_what_cannot_be_read_in_its_memory_is_refused(staff_client, version, good, monkeypatch):
    narrow = ("prlimit", "--data=30000000", *wire.COMMAND)
    monkeypatch.setattr(wire, "COMMAND", narrow)

    page = attach(staff_client, version, good)

    assert page.status_code == 422
    assert "gigabyte of memory" in page.content.decode()


def test_nothing_but_a_file_is_asked_for(staff_client, version):
    page = staff_client.post(f"/staff/tokenizers/{version.pk}/", {})

    assert page.status_code == 422


def test_customers_cannot_attach_one(alice_client, version):
    answer = alice_client.post(f"/staff/tokenizers/{version.pk}/", {"file": "x"})

    assert answer.status_code == 404
