"""Datasets: checked once, as soon as the file is there, whoever dies in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from common.database import service
from files.models import StoredFile
from files.services import stored_files
from studio.models import Dataset
from studio.services import datasets, sweeping
from tenants.models import AuditEntry
from tenants.scope import scope
from tenants.services import organizations
from tests.studio.conftest import dataset, example

BAD = dataset(20) + b'{"messages": [{"role": "human", "content": "x"}]}\nnothing\n'
nobody_comes = pytest.mark.celery_for_real


def the_dataset():
    with service():
        return Dataset.objects.select_related("file").get()


def validate(found):
    """Check, and close the connections this thread opened."""
    try:
        datasets.validate(found.organization_id, found.pk)
    finally:
        connections.close_all()


@pytest.fixture
def unchecked(acme, upload):
    """A dataset that nobody has checked."""
    upload(BAD)
    with scope(acme):
        return datasets.ensure(acme, StoredFile.objects.get())


def test_a_training_file_is_checked_when_it_arrives(upload, acme):
    upload()

    found = the_dataset()
    assert (found.state, found.examples, found.tokens) == ("ready", 12, 48)
    with scope(acme):
        assert AuditEntry.objects.get(action="dataset.checked").after["examples"] == 12


def test_another_file_is_no_dataset(client):
    client.files.create(file=("a.txt", b"text"), purpose="user_data")

    with service():
        assert Dataset.objects.count() == 0


def test_bad_lines_are_reported_with_their_numbers(upload, portal, client):
    file_id = upload(BAD)

    report = portal.request("GET", f"/v1/files/{file_id}/validation", client.api_key).json()

    assert (report["status"], report["bad_lines"], report["lines"]) == ("invalid", 2, 22)
    assert [(each["line"], each["code"], each["path"]) for each in report["problems"]] == [
        (21, "invalid_role", "messages[0].role"),
        (22, "invalid_json", ""),
    ]
    assert report["problems"][0]["message"] == (
        "'human' is not one of system, user, assistant, tool; did you mean 'user'?"
    )


@nobody_comes
def test_many_who_check_at_once_check_once(unchecked, acme):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(validate, [unchecked] * 8))

    assert the_dataset().state == "invalid"
    with scope(acme):
        assert AuditEntry.objects.filter(action="dataset.checked").count() == 1


@nobody_comes
def test_a_worker_killed_while_checking_is_replaced(unchecked, acme):
    with service():
        Dataset.objects.update(claimed_until=timezone.now() + timedelta(minutes=1))
    assert sweeping.ring() == 0
    validate(unchecked)
    assert the_dataset().state == "validating"

    with service():
        Dataset.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert sweeping.ring() == 1
    validate(unchecked)

    assert (the_dataset().state, the_dataset().claimed_until) == ("invalid", None)


@nobody_comes
def test_a_file_deleted_before_it_was_checked_is_told_so(unchecked, acme, alice):
    with scope(acme):
        stored_files.delete(unchecked.file, by=alice)

    validate(unchecked)

    assert the_dataset().report["counts"] == {"file_deleted": 1}


def test_names_that_no_database_takes_do_not_stop_the_check(upload):
    upload(dataset() + example(**{"\0\ud800": 1}))

    assert the_dataset().report["problems"][0]["path"] == "'\\x00\\ud800'"


def test_a_stranger_cannot_tell_that_a_training_file_exists(upload, portal, key_of, charlie):
    file_id = upload()
    other = organizations.found(name="Other", owner=charlie, country="FR")
    key = key_of(other, charlie)

    there = portal.request("GET", f"/v1/files/{file_id}/validation", key)

    assert there.status_code == 404
    with scope(other):
        assert Dataset.objects.count() == 0


def test_a_dataset_cannot_be_made_of_anothers_file(upload, charlie):
    upload()
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with service():
        theirs = StoredFile.objects.get()

    with pytest.raises(IntegrityError, match="same_organization"), scope(other):
        Dataset.objects.create(organization=other, file=theirs)
