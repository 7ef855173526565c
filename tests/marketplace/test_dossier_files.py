"""Files that are kept with a model's dossier, and which of them customers may have."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError

from common.database import service
from marketplace import dossier_files
from marketplace.models import Dossier, ModelChange
from tenants.scope import scope

RESULTS = b"task,score\nmath,61.2\n"
DIGEST = hashlib.sha256(RESULTS).hexdigest()


@pytest.fixture
def model(mini):
    """A model on sale."""
    return mini.model_version.model


@pytest.fixture
def page(model):
    """Where staff keeps its files."""
    return f"/staff/models/{model.pk}/dossier/files/"


def keep(client, page, name="results.csv", content=RESULTS, about="Full results"):
    file = SimpleUploadedFile(name, content, content_type="text/html")
    return client.post(page, {"file": file, "about": about})


def kept(model):
    with service():
        found = Dossier.objects.filter(model=model).first()
        return [it["name"] for it in found.kept_files] if found else []


def public(client, digest=DIGEST):
    return client.get(f"/models/atlas-mini/files/{digest}/")


def test_a_file_is_staffs_alone_until_a_colleague_shows_it(
    staff_client, colleague_client, client, model, page
):
    keep(staff_client, page)
    assert DIGEST in staff_client.get(f"/staff/models/{model.pk}/dossier/").content.decode()
    assert public(client).status_code == 404

    proposed = staff_client.post(f"{page}{DIGEST}/show/")
    change = proposed["Location"]
    assert public(client).status_code == 404
    assert "results.csv" in colleague_client.get(change).content.decode()
    colleague_client.post(f"{change}approve/")

    sent = public(client)
    assert (sent.status_code, sent.content) == (200, RESULTS)
    assert sent["Content-Disposition"] == 'attachment; filename="results.csv"'
    assert sent["Content-Type"] == "text/csv; charset=utf-8"
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert DIGEST in client.get("/models/atlas-mini/").content.decode()


def test_hiding_waits_too_and_what_is_shown_is_not_removed(
    staff_client, colleague_client, client, model, page
):
    keep(staff_client, page)
    show = staff_client.post(f"{page}{DIGEST}/show/")["Location"]
    staff_client.post(f"{page}{DIGEST}/remove/")
    assert kept(model) == ["results.csv"]
    colleague_client.post(f"{show}approve/")
    staff_client.post(f"{page}{DIGEST}/remove/")
    assert kept(model) == ["results.csv"]

    hide = staff_client.post(f"{page}{DIGEST}/hide/")["Location"]
    assert public(client).status_code == 200
    colleague_client.post(f"{hide}approve/")

    assert public(client).status_code == 404
    staff_client.post(f"{page}{DIGEST}/remove/")
    assert kept(model) == []
    assert staff_client.get(f"{page}{DIGEST}/").status_code == 404


def test_staff_fetches_what_it_keeps(staff_client, page):
    keep(staff_client, page, name="résults.csv")

    sent = staff_client.get(f"{page}{DIGEST}/")

    assert sent.content == RESULTS
    assert sent["Content-Disposition"] == "attachment; filename*=utf-8''r%C3%A9sults.csv"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report.pdf", b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"),
        ("facts.json", b'{"score": 61.2}'),
        ("notes.MD", "# Қазақша\n\nText.".encode()),
        ("semicolons.csv", b"a;b\n1;2\n"),
    ],
)
def test_what_a_dossier_keeps(staff_client, model, page, name, content):
    assert keep(staff_client, page, name, content).status_code == 302
    assert kept(model) == [name]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.html", b"<script>alert(1)</script>", "Only PDF, CSV, JSON and Markdown"),
        ("noname", b"text", "Only PDF, CSV, JSON and Markdown"),
        ("report.pdf", b"<html>%PDF-1.7 %%EOF", "Its content is not PDF"),
        ("report.pdf", b"%PDF-1.7 cut off", "Its content is not PDF"),
        ("facts.json", b"{", "Its content is not JSON"),
        ("facts.json", b"[" * 100_000, "Its content is not JSON"),
        ("results.csv", b"just one line of words", "Its content is not CSV"),
        ("results.csv", b"a,b\n1,2,3\n", "Its content is not CSV"),
        ("notes.md", b"\x00\x01\x02", "Its content is not Markdown"),
        ("notes.md", b"\xff\xfe", "Its content is not Markdown"),
        ("notes.md", b" ", "Its content is not Markdown"),
    ],
)
def test_what_is_not_what_its_name_says_is_refused(staff_client, model, page, name, content, words):
    refused = keep(staff_client, page, name, content)

    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert kept(model) == []


def test_what_is_too_large_is_refused(staff_client, model, page, monkeypatch):
    monkeypatch.setattr(dossier_files, "LARGEST", 10)

    refused = keep(staff_client, page)

    assert (refused.status_code, kept(model)) == (422, [])


def test_the_same_is_kept_once(staff_client, model, page):
    keep(staff_client, page)

    again = keep(staff_client, page, name="other.csv")

    assert again.status_code == 422
    assert "keeps this very file" in again.content.decode()
    assert kept(model) == ["results.csv"]


def test_what_is_in_review_is_not_worked_on(staff_client, model, page):
    with service():
        model.status = "in_review"
        model.save()

    assert keep(staff_client, page).status_code == 422
    assert kept(model) == []


def test_of_a_draft_it_is_shown_at_once(staff_client, model, page):
    keep(staff_client, page)
    with service():
        model.status = "draft"
        model.save()

    staff_client.post(f"{page}{DIGEST}/show/")

    with service():
        assert [it["sha256"] for it in Dossier.objects.get(model=model).files] == [DIGEST]
        assert not ModelChange.objects.exists()


def test_customers_cannot_read_what_staff_keeps(staff_client, acme, model, page):
    keep(staff_client, page)

    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        list(Dossier.objects.values("kept_files"))


def test_nobody_but_staff_reaches_the_desks_files(staff_client, alice_client, client, page):
    keep(staff_client, page)

    assert alice_client.get(f"{page}{DIGEST}/").status_code == 404
    assert client.get(f"{page}{DIGEST}/").status_code == 302
    assert public(client, "0" * 64).status_code == 404
