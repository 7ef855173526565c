"""The file that counts a version's tokens, over the staff's API: the page's form and service."""

import hashlib
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from marketplace.models import ModelVersion
from tests.support import vocabulary


@pytest.fixture
def version(mini):
    return ModelVersion.objects.select_related("model").get(pk=mini.model_version_id)


@pytest.fixture
def path(version):
    return f"/api/v1/staff/models/{version.model.slug}/versions/{version.pk}/tokenizer"


def put(client, path, content):
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("tokenizer.json", content)})
    return client.put(path, body, content_type=MULTIPART_CONTENT)


def test_a_tokenizer_is_attached_told_and_taken_away(staff_client, version, path):
    good = vocabulary.made().to_str().encode()

    attached = put(staff_client, path, good)
    told = staff_client.get(path).json()
    whole = staff_client.get(f"/api/v1/staff/models/{version.model.slug}").json()
    removed = staff_client.delete(path)

    assert (attached.status_code, attached.json()) == (200, told)
    assert told == {
        "version_id": str(version.pk),
        "sha256": hashlib.sha256(good).hexdigest(),
        "filename": "tokenizer.json",
        "size": len(good),
        "vocabulary": vocabulary.made().get_vocab_size(),
    }
    assert told in [it["tokenizer"] for it in whole["offers"]]
    assert removed.status_code == 204
    assert staff_client.get(path).json()["sha256"] == ""


@pytest.mark.parametrize("content", [b"", b"{}", b"\0"])
def test_a_file_that_does_not_count_is_refused_by_name(staff_client, version, path, content):
    refused = put(staff_client, path, content)

    assert refused.status_code in {400, 422}
    assert list(refused.json()["field_errors"]) == ["file"]
    version.refresh_from_db()
    assert version.tokenizer_sha256 == ""


def test_others_find_none_of_it(staff_client, alice_client, client, version, path):
    for stranger in (alice_client, client):
        assert stranger.get(path).status_code == 404
        assert put(stranger, path, b"{}").status_code == 404
        assert stranger.delete(path).status_code == 404
    for other in (
        path.replace(version.model.slug, "other"),
        path.replace(str(version.pk), str(uuid.uuid4())),
    ):
        assert staff_client.get(other).status_code == 404
