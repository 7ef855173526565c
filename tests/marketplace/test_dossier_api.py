"""Files of dossiers over the staff's API: kept once, shown once a colleague approves."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.database import service
from marketplace.models import Dossier

RESULTS = b"task,score\nmath,61.2\n"
DIGEST = hashlib.sha256(RESULTS).hexdigest()
FILES = "/api/v1/staff/models/atlas-mini/files"
ONE = f"{FILES}/{DIGEST}"
JSON = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def model(mini):
    """A model on sale."""
    return mini.model_version.model


def keep(client, name="results.csv", content=RESULTS, about="Full results", path=FILES):
    return client.post(path, {"file": SimpleUploadedFile(name, content), "about": about})


def kept():
    with service():
        found = Dossier.objects.filter(model__slug="atlas-mini").first()
        return [it["name"] for it in found.kept_files] if found else []


def public(client):
    return client.get(f"/models/atlas-mini/files/{DIGEST}/").status_code


def test_a_file_is_kept_read_shown_and_hidden(staff_client, colleague_client, client):
    made = keep(staff_client)
    told = {
        "sha256": DIGEST, "name": "results.csv", "about": "Full results",
        "type": "text/csv; charset=utf-8", "size": len(RESULTS), "is_public": False,
    }  # fmt: skip
    assert (made.status_code, made.json()) == (201, told)
    assert staff_client.get(FILES).json() == [told]
    assert staff_client.get(ONE).content == RESULTS

    proposed = staff_client.post(f"{ONE}/show")
    change = f"/api/v1/staff/model-changes/{proposed.json()['change']['id']}"
    own = staff_client.post(f"{change}/approve", **JSON)
    assert (proposed.status_code, own.status_code, public(client)) == (201, 403, 404)
    assert colleague_client.post(f"{change}/approve", **JSON).status_code == 200
    assert public(client) == 200

    assert staff_client.delete(ONE).status_code == 409
    hidden = staff_client.post(f"{ONE}/hide").json()["change"]["id"]
    colleague_client.post(f"/api/v1/staff/model-changes/{hidden}/approve", **JSON)
    assert public(client) == 404
    assert staff_client.delete(ONE).status_code == 204
    assert kept() == []


def test_the_same_is_kept_once(staff_client):
    keep(staff_client)
    again = keep(staff_client)

    assert (again.status_code, list(again.json()["field_errors"])) == (409, ["file"])
    assert kept() == ["results.csv"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": "results.exe"}, "file"),
        ({"name": "results.pdf"}, "file"),
        ({"content": b""}, "file"),
        ({"about": ""}, "about"),
        ({"about": "x" * 151}, "about"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(staff_client, facts, field):
    answer = keep(staff_client, **facts)

    assert answer.status_code in (400, 422)
    assert list(answer.json()["field_errors"]) == [field]
    assert kept() == []


def test_what_is_not_there_is_not_found_and_others_find_nothing(staff_client, alice_client, client):
    assert keep(staff_client, path=FILES.replace("mini", "none")).status_code == 404
    for path in (ONE, f"{FILES}/none"):
        assert staff_client.get(path).status_code == 404
        assert staff_client.delete(path).status_code == 404
        assert staff_client.post(f"{path}/show").status_code == 404
    for stranger in (alice_client, client):
        assert stranger.get(FILES).status_code == 404
        assert keep(stranger).status_code == 404
        assert stranger.post(f"{ONE}/show").status_code == 404
    assert kept() == []
