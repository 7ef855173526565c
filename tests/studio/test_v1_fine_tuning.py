"""`/v1/fine_tuning/jobs`: what can be asked, by whom, and what is refused."""

import openai
import pytest

from common.database import service
from compute.models import Cluster, ComputeJob
from studio.models import FineTuningJob
from tenants.models import Membership
from tenants.services import organizations
from tests.studio.conftest import dataset, row


def test_jobs_are_listed_by_page_and_metadata(client, start):
    jobs = [start(metadata={"number": str(number)}) for number in range(3)]

    assert [job.id for job in client.fine_tuning.jobs.list(limit=2)] == [
        job.id for job in reversed(jobs)
    ]
    found = client.fine_tuning.jobs.list(metadata={"number": "1"})
    assert [job.id for job in found] == [jobs[1].id]


def test_a_dataset_that_cannot_be_used_fails_the_job_and_says_why(start):
    job = start(dataset(20) + b"nothing\n")

    assert job.status == "failed"
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    assert job.error.message.startswith(
        "1 of 21 lines cannot be used. First: line 21: Expecting value at character 1. Full report"
    )


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"model": "no-such-model"}, "model"),
        ({"training_file": "file-x"}, "training_file"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": True}}, "hyperparameters.n_epochs"),
        ({"method": {"type": "dpo", "dpo": {}}}, "method.dpo"),
        ({"suffix": ""}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"validation_file": "file-x"}, "validation_file"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"extra_body": {"colour": "red"}}, "colour"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_asked_for(start, facts, param):
    with pytest.raises(openai.BadRequestError) as caught:
        start(**facts)

    assert caught.value.param == param
    with service():
        assert FineTuningJob.objects.count() == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"model": "\\u0000"}'])
def test_a_body_that_makes_no_sense_is_refused(portal, client, body):
    reply = portal.request(
        "POST",
        "/v1/fine_tuning/jobs",
        client.api_key,
        headers={"content-type": "application/json"},
        content=body,
    )

    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


def test_the_same_operation_is_one_job(client, upload):
    facts = {"model": "base", "training_file": upload()}
    once = {"extra_headers": {"Idempotency-Key": "k1"}}

    first = client.fine_tuning.jobs.create(**facts, **once)
    again = client.fine_tuning.jobs.create(**facts, **once)

    assert first.id == again.id
    with pytest.raises(openai.ConflictError):
        client.fine_tuning.jobs.create(**facts, suffix="other", **once)
    with service():
        assert (FineTuningJob.objects.count(), ComputeJob.objects.count()) == (1, 1)


def test_a_job_that_no_cluster_may_take_is_refused(start):
    with service():
        Cluster.objects.update(is_enabled=False)

    with pytest.raises(openai.ConflictError) as caught:
        start()

    assert caught.value.code == "no_cluster"


def test_a_stranger_cannot_tell_that_a_job_exists(client, start, portal, key_of, charlie):
    job = start()
    other = organizations.found(name="Other", owner=charlie, country="FR")
    jobs = portal.client(key_of(other, charlie)).fine_tuning.jobs

    for ask in (jobs.retrieve, jobs.cancel, jobs.list_events):
        with pytest.raises(openai.NotFoundError):
            ask(job.id)
    with pytest.raises(openai.BadRequestError):
        jobs.create(model="base", training_file=job.training_file)
    assert jobs.list().data == []
    assert row(job).desired == "run"


def test_a_viewer_may_not_see_and_an_auditor_not_ask(client, start, alice):
    job = start()
    with service():
        Membership.objects.filter(user=alice).update(role="auditor")

    assert client.fine_tuning.jobs.retrieve(job.id).id == job.id
    with pytest.raises(openai.PermissionDeniedError):
        client.fine_tuning.jobs.cancel(job.id)
    with service():
        Membership.objects.filter(user=alice).update(role="viewer")
    with pytest.raises(openai.PermissionDeniedError):
        client.fine_tuning.jobs.retrieve(job.id)
