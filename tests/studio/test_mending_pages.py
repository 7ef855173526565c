"""Bad datasets become good ones on their pages, and tables become datasets as they are uploaded."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.database import service
from files.models import StoredFile
from files.services import stored_files
from studio.models import Dataset, Mending
from studio.services import importing, mending, sweeping
from tenants.scope import scope
from tests.studio.conftest import dataset, example

PAGES = "/o/acme/studio/datasets/"
PAIRS = b"".join(b'{"prompt": "Q%d", "completion": "A"}\n' % number for number in range(12))
TABLE = b"asked,said\n" + b"Q,A\n" * 12

pytestmark = pytest.mark.usefixtures("disk", "cluster")


def send(client, content, name="train.jsonl", **facts):
    file = SimpleUploadedFile(name, content)
    return client.post(f"{PAGES}new/", {"file": file, **facts}, follow=True)


def first():
    with service():
        return Dataset.objects.select_related("file", "organization").order_by("created_at").first()


def latest():
    with service():
        return Dataset.objects.select_related("file").latest("created_at")


def contents(client, found):
    sent = client.get(f"/o/acme/studio/files/{found.file_id}/")
    return [json.loads(line) for line in b"".join(sent.streaming_content).splitlines()]


def make(client, *codes):
    return client.post(f"{PAGES}{first().pk}/mend/", {"fixes": codes, "make": "1"}, follow=True)


def test_a_bad_file_leads_to_a_good_one(acme, alice_client):
    bad = send(alice_client, PAIRS).content.decode()
    address = f"{PAGES}{first().pk}/mend/"
    preview = alice_client.get(address).content.decode()

    page = make(alice_client, "convert").content.decode()

    made = latest()
    assert f'href="{address}"' in bad
    assert "Example 1" in preview
    assert "&quot;role&quot;: &quot;user&quot;" in preview
    assert (made.state, made.examples, made.file.filename) == ("ready", 12, "train-2.jsonl")
    assert "12 examples changed" in page
    assert "train-2.jsonl" in page
    assert contents(alice_client, made)[0]["messages"][0] == {"role": "user", "content": "Q0"}
    assert first().state == "invalid"
    assert "Made of" in alice_client.get(f"{PAGES}{made.pk}/").content.decode()


def test_what_should_be_known_is_told_and_taken_out(acme, alice_client):
    send(alice_client, dataset(11) + example("Mail ann@example.com") + b"\n")
    page = alice_client.get(f"{PAGES}{first().pk}/").content.decode()

    make(alice_client, "redact", "repeated")

    assert "There is personal data, or a secret" in page
    assert "An example stands there more than once" in page
    assert "ann@example.com" not in page
    texts = [it["messages"][0]["content"] for it in contents(alice_client, latest())]
    assert texts == ["Ping?", "Mail [e-mail]"]


def test_the_preview_makes_nothing(acme, alice_client):
    send(alice_client, PAIRS)

    shown = alice_client.post(f"{PAGES}{first().pk}/mend/", {"fixes": ["convert"]})

    assert "Example 10" in shown.content.decode()
    assert "Example 11" not in shown.content.decode()
    with service():
        assert not Mending.objects.exists()


@pytest.mark.parametrize("codes", [[], ["redact"], ["fly"]])
def test_only_what_is_offered_can_be_chosen(acme, alice_client, codes):
    send(alice_client, PAIRS)

    refused = alice_client.post(f"{PAGES}{first().pk}/mend/", {"fixes": codes, "make": "1"})

    assert refused.status_code == 422
    with service():
        assert not Mending.objects.exists()


def test_asked_twice_it_is_made_once_and_again_when_it_is_gone(acme, alice_client, alice):
    send(alice_client, PAIRS)

    for _click in range(2):
        make(alice_client, "convert")
    with service():
        assert Dataset.objects.count() == 2
    made = latest().file
    with scope(acme):
        stored_files.delete(made, by=alice)
    make(alice_client, "convert")

    assert (latest().state, latest().file.deleted_at) == ("ready", None)
    with service():
        assert Dataset.objects.count() == 3


def test_who_dies_between_file_and_word_makes_no_second_file(
    acme, alice_client, alice, monkeypatch
):
    send(alice_client, PAIRS)
    monkeypatch.setattr(mending, "_end", killed)
    with pytest.raises(SystemExit):
        make(alice_client, "convert")
    monkeypatch.undo()
    with service():
        found = Mending.objects.get()
        Mending.objects.update(claimed_until=None)

    sweeping.ring()

    with service():
        assert StoredFile.objects.count() == 2
        assert Mending.objects.get().result == latest()
    mending.work(acme.pk, found.pk)
    with service():
        assert StoredFile.objects.count() == 2


def killed(*_facts, **_more):
    raise SystemExit


def test_what_fails_says_why_and_can_be_tried_again(acme, alice_client, settings):
    send(alice_client, PAIRS)
    settings.FILES_LARGEST = 10

    failed = make(alice_client, "convert").content.decode()
    settings.FILES_LARGEST = 10_000_000
    make(alice_client, "convert")

    assert "Not made" in failed
    assert "larger than 10" in failed
    assert latest().state == "ready"


def test_nothing_left_is_no_dataset(acme, alice_client):
    send(alice_client, b"nothing\n" * 12)

    page = make(alice_client, "unusable").content.decode()

    assert "No example would be left." in page


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("train.json", json.dumps([json.loads(it) for it in PAIRS.splitlines()]).encode(), {}),
        ("train.csv", b"question,answer\n" + b"Q,A\n" * 12, {}),
        ("train.csv", TABLE, {"question": "asked", "answer": "said"}),
        ("train.TSV", TABLE.replace(b",", b"\t"), {"question": "asked", "answer": "said"}),
    ],
)
def test_lists_and_tables_become_datasets(acme, alice_client, name, content, columns):
    send(alice_client, content, name, **columns)

    assert (first().state, first().file.filename) == ("ready", "train.jsonl")
    assert [it["role"] for it in contents(alice_client, first())[0]["messages"]] == [
        "user",
        "assistant",
    ]


@pytest.mark.parametrize(
    ("name", "content", "columns", "sentence"),
    [
        ("train.csv", TABLE, {}, "There are: “asked”, “said”."),
        ("train.csv", TABLE, {"question": "asked", "answer": "Said"}, "“asked”, “said”"),
        ("train.csv", b'q,a\n"x"y,z\n', {}, "row 2 cannot be read"),
        ("train.csv", b"q,\xff\n1,2\n", {}, "not UTF-8"),
        ("train.csv", b"", {}, "The file is empty."),
        ("train.json", b"[1, 2", {}, "The file cannot be read"),
    ],
)
def test_what_cannot_be_imported_says_why(acme, alice_client, name, content, columns, sentence):
    refused = send(alice_client, content, name, **columns)

    assert refused.status_code == 422
    assert sentence in refused.content.decode()
    with service():
        assert not StoredFile.objects.exists()


def test_what_takes_long_to_convert_is_not_taken(acme, alice_client, monkeypatch):
    monkeypatch.setattr(importing, "LARGEST", 10)

    refused = send(alice_client, TABLE, "train.csv").content.decode()

    assert "larger ones as *.jsonl" in refused


def test_of_another_organization_there_is_nothing_to_mend(acme, alice_client, charlie_client):
    send(alice_client, PAIRS)

    assert charlie_client.get(f"{PAGES}{first().pk}/mend/").status_code == 404


def test_keys_ask_for_fixes_and_are_told_the_new_file(acme, client, upload):
    file_id = upload(PAIRS)
    found = client.get(f"/files/{file_id}/validation", cast_to=object)

    asked = client.post(f"/files/{file_id}/fixes", body={"fixes": ["convert"]}, cast_to=object)
    [listed] = client.get(f"/files/{file_id}/fixes", cast_to=object)["data"]

    assert found["fixes"] == ["convert", "system", "answer", "unusable"]
    assert (asked["object"], asked["fixes"]) == ("file.mending", ["convert"])
    assert listed["status"] in {"running", "done"}
