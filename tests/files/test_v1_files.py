"""`/v1/files`, driven by OpenAI's own client."""

import hashlib
from datetime import timedelta

import openai
import pytest
from django.db import connections
from django.utils import timezone
from openai.types import FileObject

from common.database import service
from common.ids import public_id, uuid7
from files.models import StoredFile
from tenants.models import AuditEntry, Membership, Organization
from tenants.scope import scope
from tenants.services import organizations
from tests.files.conftest import blobs_in, upload

BIG = 3_000_000


def count():
    with service():
        return StoredFile.objects.filter(deleted_at=None).count()


def test_a_file_is_kept_shown_sent_back_and_deleted(client, disk, acme):
    made = client.files.create(file=upload(b'{"a": 1}\n'), purpose="fine-tune")

    assert FileObject.model_validate(made.to_dict())
    assert (made.filename, made.bytes, made.status) == ("train.jsonl", 9, "processed")
    assert made.tessera == {
        "sha256": hashlib.sha256(b'{"a": 1}\n').hexdigest(),
        "region": "eu-paris",
        "jurisdiction": "EU",
    }
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == b'{"a": 1}\n'
    assert client.files.delete(made.id).deleted
    assert (count(), blobs_in(disk)) == (0, [])
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)
    with scope(acme):
        entries = AuditEntry.objects.filter(target_kind="files.storedfile").order_by("id")
        acts = [(entry.action, entry.actor_kind) for entry in entries]
    assert acts == [("file.kept", "key"), ("file.deleted", "key")]


def test_a_large_file_passes_through_the_disk_and_comes_back_whole(client, disk):
    content = bytes(range(256)) * (BIG // 256)

    made = client.files.create(file=upload(content, "data.bin"), purpose="user_data")

    (blob,) = blobs_in(disk)
    assert (made.bytes, blob.read_bytes()) == (len(content), content)
    assert client.files.content(made.id).read() == content


def test_the_list_goes_page_by_page_newest_first(client, keep):
    kept = [keep(filename=f"{number}.txt") for number in range(5)]

    names = [file.filename for file in client.files.list(limit=2)]

    assert names == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert [file.filename for file in client.files.list(order="asc", after=kept[3].public_id)] == [
        "4.txt"
    ]
    assert client.files.list(purpose="batch").data == []


def test_a_file_expires_when_it_was_told_to(client, portal):
    hour = {"anchor": "created_at", "seconds": 3600}

    made = client.files.create(file=upload(), purpose="fine-tune", expires_after=hour)

    assert made.expires_at - made.created_at == 3600
    with service():
        StoredFile.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"purpose": "assistants"}, "purpose"),
        ({"purpose": "fine-tune", "file": upload(name="train.csv")}, "file"),
        ({"purpose": "fine-tune", "file": upload(b"")}, "file"),
        ({"purpose": "user_data", "extra_body": {"colour": "red"}}, "colour"),
        (
            {"purpose": "user_data", "expires_after": {"anchor": "created_at", "seconds": 5}},
            "expires_after[seconds]",
        ),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_kept(client, disk, facts, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(**{"file": upload(), **facts})

    assert caught.value.param == param
    assert (count(), blobs_in(disk)) == (0, [])


def test_a_wrong_choice_is_told_what_is_accepted(client, disk):
    with pytest.raises(openai.BadRequestError, match=r"purpose: “batches” is not one of: .*batch"):
        client.files.create(file=upload(), purpose="batches")


def test_a_form_without_a_file_is_refused(portal, client):
    form = {"purpose": (None, "batch")}

    reply = portal.request("POST", "/v1/files", client.api_key, files=form)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "file")
    assert reply.json()["error"]["message"] == "file: No file was submitted."


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("application/json", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=x", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(portal, client, media, status):
    body = b"--x\r\nContent-Disp"

    reply = portal.request(
        "POST", "/v1/files", client.api_key, headers={"content-type": media}, content=body
    )

    assert reply.status_code == status
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_postgresql_that_was_restarted_is_not_the_callers_trouble(client, owner_connection):
    client.files.create(file=upload(name="before.jsonl"), purpose="fine-tune")
    owner_connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    connections.close_all()

    kept = client.files.create(file=upload(name="after.jsonl"), purpose="fine-tune")

    assert kept.filename == "after.jsonl"


def test_what_does_not_fit_is_refused_with_the_numbers(client, disk, settings):
    settings.FILES_QUOTA = 1500
    client.files.create(file=upload(b"x" * 1000, "a.txt"), purpose="user_data")

    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=upload(b"x" * 501, "b.txt"), purpose="user_data")

    assert (caught.value.status_code, caught.value.code) == (413, "storage_quota_exceeded")
    assert "1000" in caught.value.message
    assert (count(), len(blobs_in(disk))) == (1, 1)


def test_a_body_is_read_no_further_than_its_limit(client, portal, disk, settings):
    settings.FILES_LARGEST = 1_000_000

    def endless():
        while True:
            yield b"x" * 65_536

    reply = portal.request(
        "POST",
        "/v1/files",
        client.api_key,
        content=endless(),
    )

    assert reply.status_code == 413
    assert reply.json()["error"]["code"] == "request_too_large"


def test_a_file_above_the_limit_is_refused(client, settings):
    settings.FILES_LARGEST = 1_000

    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=upload(b"x" * 1_001, "a.txt"), purpose="user_data")

    assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")


@pytest.mark.parametrize("key", ["", "nonsense"])
def test_without_a_key_no_body_is_read(portal, disk, key):
    reply = portal.request("POST", "/v1/files", key, content=b"x" * 100_000)

    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_page_reads_ten_megabytes_and_no_more(portal):
    reply = portal.request("POST", "/accounts/login/", content=b"x" * 10_000_001)

    assert (reply.status_code, reply.json()["code"]) == (413, "request_too_large")


def test_a_dataset_from_its_page_may_be_larger_for_who_is_signed_in(
    portal, acme, alice_client, settings
):
    name = settings.SESSION_COOKIE_NAME
    cookie = f"{name}={alice_client.cookies[name].value}"
    body = {"content": b"x" * 10_000_001, "headers": {"Cookie": cookie}}
    page = "/o/acme/studio/datasets/new/"

    known = portal.request("POST", page, **body)
    unknown = portal.request("POST", page, **{**body, "headers": {}})

    # Read whole, and then refused for what Django asks of forms.
    assert known.status_code == 403
    assert (unknown.status_code, unknown.json()["code"]) == (413, "request_too_large")


def test_a_stranger_cannot_tell_that_a_file_exists(client, portal, key_of, charlie, keep):
    file = keep()
    other = organizations.found(name="Other", owner=charlie, country="FR")
    strange = portal.client(key_of(other, charlie))

    messages = []
    for ask in (strange.files.retrieve, strange.files.content, strange.files.delete):
        for file_id in (file.public_id, public_id("file", uuid7()), "file-x"):
            with pytest.raises(openai.NotFoundError) as caught:
                ask(file_id)
            messages.append(caught.value.message.replace(file_id, "…"))

    assert len(set(messages)) == 1
    assert strange.files.list().data == []
    assert count() == 1


def test_a_key_may_no_more_than_the_person_who_made_it(client, acme, alice):
    with service():
        Membership.objects.filter(user=alice).update(role="auditor")

    with pytest.raises(openai.PermissionDeniedError):
        client.files.list()
    with pytest.raises(openai.PermissionDeniedError):
        client.files.create(file=upload(), purpose="fine-tune")


@pytest.mark.parametrize(
    ("facts", "code"),
    [({"ip_ranges": ["10.0.0.0/8"]}, "ip_not_allowed"), ({"scopes": []}, "permission_denied")],
)
def test_a_key_that_is_held_back_is_held_back_here_too(
    portal, disk, key_of, acme, alice, facts, code
):
    with pytest.raises(openai.PermissionDeniedError) as caught:
        portal.client(key_of(acme, alice, **facts)).files.list()

    assert caught.value.code == code


def test_a_suspended_organization_gets_nothing(client, acme):
    with service():
        Organization.objects.update(status="suspended")

    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.files.list()

    assert caught.value.code == "organization_suspended"


def test_what_is_not_there_answers_in_the_envelope(portal, client):
    nowhere = portal.request("GET", "/v1/files/file-x/nothing", client.api_key)
    wrong_way = portal.request("PUT", "/v1/files", client.api_key)

    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
    assert (wrong_way.status_code, wrong_way.json()["error"]["code"]) == (405, "method_not_allowed")
    assert nowhere.headers["x-request-id"].startswith("req_")
