"""The job of ``test_jobs``, through a real Slurm whose controller is killed while it runs."""

import json

import pytest

from common.database import service
from compute.models import Cluster, ComputeJob
from compute.services import clusters, reconciling
from studio import artifacts
from studio.states import State
from tests.studio.conftest import (  # noqa: F401 - fixtures
    artifacts_root,
    client,
    disk,
    give,
    key_of,
    offer,
    paris,
    portal,
    priced,
    row,
    run_until,
    shared_portal,
    start,
    upload,
)
from tests.studio.test_funding import balance  # noqa: F401 - a fixture
from tests.support.clusters import spec
from tests.support.slurm_clusters import slurm, slurm_cluster  # noqa: F401 - fixtures
from tests.training.test_jobs import lines, paid, taught  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(400)
ASKED = {"n_epochs": 6, "batch_size": 4}


@pytest.fixture
def cluster(paris, slurm, slurm_cluster, settings):  # noqa: F811
    """Slurm, as an operator adds it."""
    settings.CLUSTER_ADDRESSES = (slurm.address,)
    options = {"user": slurm.user, "folder": str(slurm.shared), "partition": "train"}
    options |= {"programs": slurm_cluster.options.programs, "house": slurm_cluster.options.house}
    facts = {"name": "HPC", "slug": "hpc", "kind": "slurm", "region": paris}
    facts |= {"isolation": "shared", "address": slurm.address, "options": options}
    with service():
        cluster = clusters.add({**facts, "credential": slurm.token()}, by=None)
    assert clusters.check(cluster) == ""
    return cluster


@pytest.fixture
def local_cluster(slurm_cluster):  # noqa: F811
    """Where jobs run here."""
    return slurm_cluster


def test_a_job_outlives_the_controller_and_is_paid_once(
    taught, client, start, run_until, cluster, slurm, slurm_cluster, acme, balance  # noqa: F811
):  # fmt: skip
    # Slurm counts in minutes, so this one is looked at again at the end.
    late = slurm_cluster.scheduler.submit(
        spec("other-late", "import time; time.sleep(600)", time_limit=1)
    )
    job = start(lines(), hyperparameters=ASKED)
    run_until(job, State.RUNNING, seconds=60)
    metrics = artifacts.folder(f"ft-{row(job).pk.hex}-a1") / "metrics.jsonl"
    slurm_cluster.run_until(metrics.exists, 120)

    slurm.kill_controller()
    reconciling.sweep()
    with service():
        assert "cannot ask its controller" in Cluster.objects.get().trouble
    assert row(job).state == State.RUNNING
    slurm.start_controller()
    done = run_until(job, State.SUCCEEDED, State.FAILED, seconds=200)

    assert (done.status, done.error) == ("succeeded", None)
    manifest = json.loads((metrics.parent / "manifest.json").read_text())
    assert done.trained_tokens == manifest["tokens"] > 0
    assert paid(acme) == row(job).cost == row(job).quote
    assert balance()[1] == 0
    with service():
        ran = ComputeJob.objects.get()
    assert (ran.outcome, ran.attempt) == ("succeeded", 1)
    assert ran.cpu_seconds >= (ran.ended_at - ran.started_at).total_seconds() > 0
    assert slurm_cluster.ended(late, seconds=150).outcome == "timeout"


def test_a_job_that_is_cancelled_on_slurm_pays_for_what_it_trained(
    taught, client, start, run_until, cluster, slurm_cluster, acme  # noqa: F811
):  # fmt: skip
    job = start(lines(40), hyperparameters={**ASKED, "n_epochs": 50})
    run_until(job, State.RUNNING, seconds=60)
    metrics = artifacts.folder(f"ft-{row(job).pk.hex}-a1") / "metrics.jsonl"
    slurm_cluster.run_until(lambda: metrics.exists() and b'"step": 3,' in metrics.read_bytes(), 120)

    client.fine_tuning.jobs.cancel(job.id)
    done = run_until(job, State.CANCELLED, seconds=60)

    steps = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert done.trained_tokens == steps[-1]["cum_tokens"] > 0
    assert paid(acme) == row(job).cost < row(job).quote
    with service():
        assert ComputeJob.objects.get().outcome == "cancelled"
