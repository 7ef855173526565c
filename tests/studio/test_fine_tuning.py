"""A fine-tuning job from the upload to its result, with OpenAI's own client and a real cluster."""

import json
import os
import shutil
import signal

import pytest
from openai.types.fine_tuning import FineTuningJob as OpenAIJob
from openai.types.fine_tuning import FineTuningJobEvent

from common.database import service
from compute.models import ComputeJob
from compute.services import reconciling
from files.models import StoredFile
from studio import artifacts
from studio.models import Checkpoint, FineTuningJob
from studio.services import datasets, results, sweeping
from studio.states import State
from tenants.models import Organization
from tenants.scope import scope
from tests.studio.conftest import advance, dataset, row

nobody_comes = pytest.mark.celery_for_real
LONG = {"n_epochs": 50}


def payload_of(local_cluster, job):
    """Return the process group of the job's attempt."""
    return int((local_cluster.root / row(job).compute_job.name / "pid").read_text())


def test_a_job_runs_from_the_upload_to_its_result(client, start, run_until, acme):
    job = start(suffix="mine", metadata={"team": "a"}, seed=7)
    assert (job.status, job.model, job.seed) == ("queued", "base", 7)

    done = run_until(job, State.SUCCEEDED)

    assert OpenAIJob.model_validate(done.to_dict())
    assert (done.status, done.error, done.fine_tuned_model) == ("succeeded", None, None)
    assert done.finished_at >= done.created_at
    assert done.hyperparameters.n_epochs == 8
    (result,) = done.result_files
    table = client.files.content(result).read().decode().split()
    assert (table[0], table[-1]) == ("epoch,step,tokens", "8,96,384")
    with scope(acme):
        marks = list(Checkpoint.objects.values_list("step", "tokens"))
    assert (len(marks), marks[-1]) == (8, (96, 384))


def test_a_dry_run_says_that_it_trains_nothing(start, run_until):
    done = run_until(start(), State.SUCCEEDED)

    assert done.trained_tokens == 0
    assert (done.tessera["recipe"], done.tessera["trains"]) == ("dry", False)
    assert done.tessera["jurisdiction"] == "EU"


def test_what_happened_is_listed_newest_first(client, start, run_until):
    job = start()
    run_until(job, State.SUCCEEDED)

    events = client.fine_tuning.jobs.list_events(job.id, limit=2)
    told = [event.message for event in events]

    assert all(FineTuningJobEvent.model_validate(event.to_dict()) for event in events.data)
    assert (told[0], told[-1]) == ("The job has succeeded.", "The job was created.")


def test_a_waiting_job_is_cancelled(client, start, run_until):
    job = start()

    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"

    done = run_until(job, State.CANCELLED)
    assert (done.status, done.result_files) == ("cancelled", [])


def test_a_running_job_is_cancelled(client, start, run_until):
    job = start(dataset(5000), hyperparameters=LONG)
    run_until(job, State.RUNNING)

    client.fine_tuning.jobs.cancel(job.id)

    assert run_until(job, State.CANCELLED).status == "cancelled"


def test_a_job_that_was_done_before_its_cancellation_has_succeeded(client, start, local_cluster):
    job = start()
    local_cluster.ended(row(job).compute_job.handle)
    client.fine_tuning.jobs.cancel(job.id)

    reconciling.sweep()

    assert client.fine_tuning.jobs.retrieve(job.id).status == "succeeded"


def test_a_payload_killed_half_way_is_tried_again_and_counts_the_same(
    start, run_until, local_cluster
):
    job = start(dataset(5000), hyperparameters={"n_epochs": 12})
    run_until(job, State.RUNNING)
    os.killpg(payload_of(local_cluster, job), signal.SIGKILL)

    done = run_until(job, State.SUCCEEDED)

    assert done.tessera["attempt"] == 2
    with service():
        assert ComputeJob.objects.count() == 2
        assert Checkpoint.objects.last().tokens == 5000 * 4 * 12


def test_a_cluster_that_fails_again_and_again_fails_the_job(start, run_until, local_cluster):
    job = start(dataset(5000), hyperparameters=LONG)
    for _ in range(3):
        run_until(job, State.RUNNING)
        os.killpg(payload_of(local_cluster, job), signal.SIGKILL)
        run_until(job, State.RECOVERING, State.FAILED)

    done = run_until(job, State.FAILED)

    assert (done.error.code, done.tessera["attempt"]) == ("job_node_failed", 3)


def test_a_training_file_deleted_before_the_job_began_fails_it(client, start, run_until):
    job = start()
    client.files.delete(job.training_file)

    assert run_until(job, State.FAILED).error.code == "invalid_training_file"


@nobody_comes
def test_a_job_without_a_bell_is_found_by_the_sweep(start):
    job = start()
    assert row(job).state == "validating"

    assert sweeping.ring() == 2

    found = row(job)
    datasets.validate(found.organization_id, found.dataset_id)
    assert advance(job).state == "dispatched"


def test_a_result_is_taken_over_once_whoever_dies_in_between(start, local_cluster, acme):
    job = start()
    local_cluster.ended(row(job).compute_job.handle)
    name = row(job).compute_job.name
    found = row(job)
    manifest = artifacts.read(name, tokens=48 * 8)
    with scope(acme):
        found = FineTuningJob.objects.select_related("organization").get(pk=found.pk)
    first = results._keep(found, name, manifest)

    reconciling.sweep()

    assert row(job).state == "succeeded"
    assert row(job).result_file_id == first.pk
    results.take_over(row(job))
    with service():
        assert StoredFile.objects.filter(purpose="fine-tune-results").count() == 1
        assert Checkpoint.objects.count() == 8


def lie(folder, **facts):
    """Change what the manifest says."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **facts}))


def swap(path):
    """Change the content and not its size."""
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))


SPOILT = {
    "gone": shutil.rmtree,
    "cut off": lambda folder: (folder / "manifest.json").write_text("{"),
    "deep": lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
    "changed": lambda folder: swap(folder / "result.csv"),
    "boasting": lambda folder: lie(folder, tokens=385),
    "wandering": lambda folder: lie(folder, result_file="../../demo.json"),
    "climbing": lambda folder: lie(folder, files=[{"path": "../secret", "bytes": 1, "sha256": ""}]),
    "forgetful": lambda folder: lie(folder, checkpoints=[{"epoch": 1}]),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_result_that_does_not_hold_is_not_taken_over(start, local_cluster, how):
    job = start()
    local_cluster.ended(row(job).compute_job.handle)
    SPOILT[how](artifacts.folder(row(job).compute_job.name))

    reconciling.sweep()

    assert (row(job).state, row(job).error_code) == ("failed", "invalid_result")
    with service():
        assert StoredFile.objects.filter(purpose="fine-tune-results").count() == 0


def test_a_full_storage_does_not_lose_a_result(start, run_until, settings):
    job = start()
    settings.FILES_QUOTA = 1

    assert len(run_until(job, State.SUCCEEDED).result_files) == 1


def test_what_ended_jobs_wrote_is_removed(start, run_until):
    run_until(start(), State.SUCCEEDED)
    waiting = f"ft-{row(start()).pk.hex}-a1"
    artifacts.folder(waiting).mkdir()

    assert sweeping.remove_artifacts() == 1
    assert artifacts.every() == [waiting]


def test_a_job_waits_where_its_data_may_not_go(upload, client):
    file_id = upload(dataset(20))
    with service():
        Organization.objects.update(allowed_jurisdictions=["EU"])
    job = client.fine_tuning.jobs.create(model="base", training_file=file_id)

    assert row(job).state == "dispatched"
    with service():
        FineTuningJob.objects.update(state="queued", compute_job=None)
        ComputeJob.objects.all().delete()
        Organization.objects.update(allowed_jurisdictions=["KZ"])

    assert advance(job).state == "queued"
