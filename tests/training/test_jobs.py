"""A job that really teaches: OpenAI's own client, the local cluster, real money."""

import json
from datetime import timedelta

import pytest
from openai.types.fine_tuning import FineTuningJob as OpenAIJob
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from billing.models import RatedUsage
from common.database import service
from compute.schedulers.local.node import Node
from marketplace.models import ModelVersion
from studio import artifacts
from studio.services import sweeping
from studio.states import State
from tenants.scope import scope
from tests.studio.conftest import (  # noqa: F401 - fixtures
    artifacts_root,
    client,
    cluster,
    disk,
    give,
    key_of,
    local_cluster,
    offer,
    paris,
    portal,
    priced,
    row,
    run_until,
    shared_portal,
    start,
    start_node,
    upload,
)
from tests.studio.test_funding import balance  # noqa: F401 - a fixture
from tests.training.conftest import PYTHON, examples

pytestmark = pytest.mark.timeout(300)


def lines(count=16):
    """Return examples as a file."""
    return "".join(json.dumps(each) + "\n" for each in examples(count)).encode()


@pytest.fixture
def taught(settings, base, offer, priced, give):  # noqa: F811
    """The offer's model has weights, training has a price, and Acme has money."""
    settings.TRAINER_PYTHON = PYTHON
    with service():
        ModelVersion.objects.filter(pk=offer.model_version_id).update(weights=base.as_uri())
    give(100_000)


def paid(organization):
    """Return what all usage was worth, which is one job's."""
    with scope(organization):
        return RatedUsage.objects.get().amount


def test_a_model_is_taught_and_what_was_trained_is_paid_once(
    taught, client, start, upload, run_until, acme  # noqa: F811
):  # fmt: skip
    file = upload(lines())
    asked = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 50}
    job = client.fine_tuning.jobs.create(
        model="base", training_file=file, validation_file=file, hyperparameters=asked, seed=7
    )

    done = run_until(job, State.SUCCEEDED, State.FAILED, seconds=200)

    assert (done.status, done.error) == ("succeeded", None)
    assert OpenAIJob.model_validate(done.to_dict())
    assert (done.tessera["recipe"], done.tessera["trains"]) == ("lora", True)
    assert (done.hyperparameters.batch_size, done.validation_file) == (4, file)
    name = f"ft-{row(job).pk.hex}-a1"
    manifest = json.loads((artifacts.folder(name) / "manifest.json").read_text())
    assert done.trained_tokens == manifest["tokens"] == done.tessera["dataset"]["tokens"] * 2
    assert paid(acme) == row(job).cost == row(job).quote
    marks = client.fine_tuning.jobs.checkpoints.list(job.id)
    assert [FineTuningJobCheckpoint.model_validate(mark.to_dict()) for mark in marks.data]
    assert [mark.step_number for mark in marks.data] == [8, 4]
    assert marks.data[0].metrics.valid_loss < marks.data[1].metrics.train_loss + 0.5
    (result,) = done.result_files
    assert client.files.content(result).read().startswith(b"step,train_loss")
    told = [event.message for event in client.fine_tuning.jobs.list_events(job.id)]
    assert f"Training begins: 8 steps, {done.trained_tokens:,} tokens." in told
    # What was learnt stays when what other jobs wrote is removed.
    assert sweeping.remove_artifacts() == 0
    assert (artifacts.folder(name) / "adapter" / "adapter_model.safetensors").exists()


def test_a_cancelled_job_pays_for_what_it_trained_for_good(
    taught, client, start, run_until, local_cluster, acme  # noqa: F811
):  # fmt: skip
    asked = {"n_epochs": 50, "batch_size": 4}
    # As patient as a cluster is, which lets it write down where it stands.
    local_cluster.node = Node(local_cluster.root, grace=timedelta(seconds=20))
    job = start(lines(40), hyperparameters=asked)
    run_until(job, State.RUNNING)
    metrics = artifacts.folder(f"ft-{row(job).pk.hex}-a1") / "metrics.jsonl"
    local_cluster.run_until(lambda: metrics.exists() and b'"step": 3,' in metrics.read_bytes(), 200)

    client.fine_tuning.jobs.cancel(job.id)
    done = run_until(job, State.CANCELLED, seconds=60)

    steps = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert done.trained_tokens == steps[-1]["cum_tokens"] > 0
    assert 0 < row(job).cost < row(job).quote
    assert paid(acme) == row(job).cost


def test_examples_that_are_too_long_to_learn_from_fail_before_anything_is_paid(
    taught, start, run_until, balance  # noqa: F811
):  # fmt: skip
    hyperparameters = {"context_length": 8}
    method = {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}

    failed = run_until(start(lines(), method=method), State.FAILED)

    assert (failed.error.code, failed.error.param) == ("nothing_to_learn", "training_file")
    assert balance()[1] == 0
