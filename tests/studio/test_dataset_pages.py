"""Datasets on their pages: uploaded, checked, explained, mended and deleted."""

import pathlib
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.database import service
from common.ids import uuid7
from files.models import StoredFile
from studio import advice, sample_dataset, validation
from studio.models import Dataset
from studio.validation import dataset as checking
from tenants.models import Membership, Role
from tests.studio.conftest import dataset, example

PAGES = "/o/acme/studio/datasets/"
BAD = dataset(20) + b'{"messages": [{"role": "human", "content": "x"}]}\nnothing\n'
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.usefixtures("disk", "cluster")


def upload(client, content, name="train.jsonl", **facts):
    """Send the form; return what it answers."""
    file = SimpleUploadedFile(name, content)
    return client.post(f"{PAGES}new/", {"file": file, **facts}, follow=True)


def the_dataset():
    with service():
        return Dataset.objects.select_related("file").get()


def page_of(client, found):
    return client.get(f"{PAGES}{found.pk}/").content.decode()


def test_an_empty_list_teaches_the_first_step(acme, alice_client):
    page = alice_client.get(PAGES).content.decode()

    assert "No datasets yet" in page
    assert f'href="{PAGES}new/"' in page


def test_a_good_file_is_uploaded_and_ready(acme, alice_client):
    page = upload(alice_client, sample_dataset.content().encode()).content.decode()

    found = the_dataset()
    assert (found.state, found.examples, str(found)) == ("ready", 12, "train.jsonl")
    assert "is uploaded and being checked" in page
    assert "Every line can be used." in page
    assert "How long the examples are" in page
    assert "train.jsonl" in alice_client.get(PAGES).content.decode()


def test_the_example_to_download_is_one_that_can_be_used(acme, alice_client):
    sample = alice_client.get(f"{PAGES}example.jsonl")

    assert sample.headers["Content-Disposition"] == 'attachment; filename="example.jsonl"'
    upload(alice_client, sample.content)
    assert the_dataset().state == "ready"


def test_a_bad_file_is_told_line_by_line_with_what_to_do(acme, alice_client):
    page = upload(alice_client, BAD).content.decode()

    assert "2 of 22 lines are at fault." in page
    assert "A role is not known" in page
    assert "“human” is user" in page
    assert "did you mean &#x27;user&#x27;?" in page
    assert "Upload the mended file" in page
    assert re.search(r"<th class=\"numeric\" scope=\"row\">\s*21\s*</th>", page)


def test_a_hundred_faults_of_a_kind_are_told_and_the_rest_counted(acme, alice_client):
    page = upload(alice_client, b"nothing\n" * 120).content.decode()

    assert page.count("Expecting value") == 100
    assert "And 20 more." in page


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("train.csv", b"a,b", "named *.jsonl"),
        ("train.jsonl", b"", "The file is empty."),
    ],
)
def test_what_cannot_be_kept_is_told_beside_the_field(acme, alice_client, name, content, sentence):
    refused = upload(alice_client, content, name)

    assert refused.status_code == 422
    assert sentence in refused.content.decode()
    with service():
        assert not StoredFile.objects.exists()


def test_no_file_at_all_is_told_beside_the_field(acme, alice_client):
    refused = alice_client.post(f"{PAGES}new/")

    assert refused.status_code == 422
    assert "This field is required." in refused.content.decode()


def test_a_file_that_is_too_large_is_refused_with_the_limit(acme, alice_client, settings):
    settings.FILES_LARGEST = 10

    refused = upload(alice_client, dataset())

    assert "larger than 10" in refused.content.decode()


def test_two_clicks_keep_one_file(acme, alice_client):
    upload_id = str(uuid7())

    for _click in range(2):
        upload(alice_client, dataset(), upload_id=upload_id)

    assert str(the_dataset().file.source_key) == f"page:{upload_id}"


def test_a_script_is_sent_on_to_the_page(acme, alice_client):
    file = SimpleUploadedFile("train.jsonl", dataset())

    answer = alice_client.post(f"{PAGES}new/", {"file": file}, headers=HTMX)

    assert answer.headers["HX-Redirect"] == f"{PAGES}{the_dataset().pk}/"


@pytest.mark.celery_for_real
def test_a_page_of_a_file_being_checked_asks_for_news(acme, alice_client):
    upload(alice_client, dataset())

    page = page_of(alice_client, the_dataset())

    assert "The file is being checked" in page
    assert 'hx-trigger="every 2s"' in page


def test_it_is_downloaded_as_it_was_uploaded(acme, alice_client):
    upload(alice_client, dataset())

    sent = alice_client.get(f"/o/acme/studio/files/{the_dataset().file_id}/")

    assert b"".join(sent.streaming_content) == dataset()


def test_it_is_deleted_after_it_was_asked(acme, alice_client):
    upload(alice_client, dataset())
    page = f"{PAGES}{the_dataset().pk}/"

    asked = alice_client.get(f"{page}delete/").content.decode()
    alice_client.post(f"{page}delete/")

    assert "No job learns from it." in asked
    assert not the_dataset().file.is_living
    assert "No datasets yet" in alice_client.get(PAGES).content.decode()
    assert "The file was deleted." in alice_client.get(page).content.decode()
    assert alice_client.get(f"/o/acme/studio/files/{the_dataset().file_id}/").status_code == 404


@pytest.mark.parametrize(
    ("role", "reads", "uploads"),
    [
        (Role.DEVELOPER, 200, 200),
        (Role.AUDITOR, 200, 403),
        (Role.BILLING, 403, 403),
        (Role.VIEWER, 403, 403),
    ],
)
def test_who_may_do_it_by_key_may_do_it_here(
    acme, alice_client, bob, bob_client, role, reads, uploads
):
    upload(alice_client, dataset())
    with service():
        Membership.objects.filter(user=bob).update(role=role)
    page = f"{PAGES}{the_dataset().pk}/"

    assert bob_client.get(PAGES).status_code == bob_client.get(page).status_code == reads
    assert bob_client.get(f"{PAGES}new/").status_code == uploads
    assert bob_client.post(f"{page}delete/").status_code == (302 if uploads == 200 else 403)


def test_lengths_are_counted_by_powers_of_two():
    content = dataset(3) + example("a " * 30) + b"\n" + dataset(7)

    report = checking.check(SimpleUploadedFile("x", content).file)

    assert report.facts()["lengths"] == {"4": 10, "32": 1}


def test_every_fault_has_advice():
    folder = pathlib.Path(validation.__path__[0])
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    known = set(re.findall(r"(?:Problem|Unusable)\(\s*\"(\w+)\"", code)) | {
        "file_deleted",
        "line_too_long",
    }

    assert known == set(advice.ADVICE)
