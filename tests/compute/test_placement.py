"""Where jobs may go, how many, and what becomes of them when a cluster is closed."""

import io
import uuid

import pytest
from django.core.management import CommandError, call_command

from common.database import service
from compute.errors import BadCluster, ClusterTaken
from compute.models import Cluster, ComputeJob
from compute.queries import Need, cluster_for, fitted
from compute.services import clusters, jobs, reconciling
from tenants.models import AuditEntry, Region
from tenants.scope import scope
from tests.support.clusters import spec

OPEN, CORDONED, DRAINING = Cluster.Intake
pytestmark = pytest.mark.celery_for_real


@pytest.fixture
def add(paris):
    """Add a cluster that nobody asks anything."""

    def add(slug, **facts):
        facts = {"region": paris, "isolation": "shared", "kind": "local", "name": slug, **facts}
        with service():
            return Cluster.objects.create(slug=slug, **facts)

    return add


@pytest.fixture
def choose(acme):
    """Return which cluster would be chosen for Acme."""

    def choose(jurisdiction="EU", **need):
        with scope(acme):
            chosen = cluster_for(acme, jurisdiction=jurisdiction, need=Need(**need))
        return chosen and chosen.slug

    return choose


@pytest.fixture
def submit(acme, cluster):
    """Ask for a job as Acme, on the cluster that runs jobs."""

    def submit(name="ft-one-a1", code="import time; time.sleep(60)", **facts):
        with scope(acme):
            return jobs.submit(
                acme, cluster, spec(name, code, **facts),
                owner_kind="test.thing", owner_id=uuid.uuid4(),
            )  # fmt: skip

    return submit


def row(job):
    """Return the job as it stands."""
    with service():
        return ComputeJob.objects.get(pk=job.pk)


def turn(cluster, intake):
    """Close or open the cluster."""
    with service():
        return clusters.turn(cluster, intake, by=None)


def limit(cluster, **limits):
    """Bound what an organization has there."""
    with service():
        Cluster.objects.filter(pk=cluster.pk).update(**limits)


def test_a_job_goes_where_everything_fits(add, choose):
    add("cpu")
    add("old", gpus=8, gpu_type="a100")
    add("new", gpus=8, gpu_type="h100", isolation="dedicated_node")

    assert choose(gpus=1, gpu_type="h100") == "new"
    assert choose(gpus=1, gpu_type="b200") is None
    assert choose(gpus=16) is None
    assert choose(gpus=4, isolation="dedicated_node") == "new"
    assert choose(isolation="dedicated_cluster") is None


def test_a_job_never_leaves_its_jurisdiction(add, choose, acme):
    with service():
        almaty = Region.objects.create(code="kz", name="Almaty", jurisdiction="KZ", country="KZ")
    add("far", region=almaty)

    assert (choose("EU"), choose("KZ")) == (None, "far")
    acme.allowed_jurisdictions = ["EU"]
    assert choose("KZ") is None


def test_a_cluster_without_walls_takes_nobody(add, choose, settings):
    settings.ALLOW_CLUSTERS_WITHOUT_ISOLATION = False
    add("open", isolation="none")

    assert choose() is None
    settings.ALLOW_CLUSTERS_WITHOUT_ISOLATION = True
    assert choose() == "open"


def test_restricted_data_goes_only_to_nodes_of_its_own(add, choose, acme):
    acme.classification = "restricted"
    add("crowd")
    assert choose() is None

    add("cell", isolation="dedicated_node")
    assert choose() == "cell"


def test_a_cluster_in_trouble_comes_last(add, choose):
    add("first", trouble="Nobody listens.")
    add("second")

    assert choose() == "second"


def test_the_emptier_cluster_comes_first(add, choose, submit, cluster):
    submit()
    add("empty", isolation="none")

    assert choose() == "empty"


def test_a_job_is_given_a_gpu_where_there_are_some(add):
    asked = fitted(spec(), add("gpus", gpus=8, gpu_type="h100"))

    assert (asked.gpus, asked.gpu_type) == (1, "h100")
    assert fitted(spec(), add("cpus")) == spec()


def test_a_closed_cluster_takes_nothing_new_and_keeps_what_it_has(
    submit, cluster, choose, local_cluster
):
    job = submit()
    reconciling.sweep()
    turn(cluster, CORDONED)
    local_cluster.tick()
    reconciling.sweep()

    assert (choose(), row(job).state) == (None, "running")
    turn(cluster, OPEN)
    assert choose() == "cluster"


def test_a_draining_cluster_gives_its_jobs_back(submit, cluster, local_cluster):
    running, waiting = submit(), submit("ft-two-a1")
    reconciling.reconcile(running.pk)
    local_cluster.tick()
    turn(cluster, DRAINING)

    def are_back():
        reconciling.sweep()
        return {row(job).state for job in (running, waiting)} == {"ended"}

    local_cluster.run_until(are_back)

    assert {row(job).outcome for job in (running, waiting)} == {"preempted"}
    with scope(running.organization):
        assert not AuditEntry.objects.filter(action="cluster.turned").exists()


def test_an_organization_has_so_many_jobs_there_and_no_more(submit, cluster):
    limit(cluster, jobs_each=1)
    first, second = submit(), submit("ft-two-a1")

    reconciling.sweep()

    assert (row(first).state, row(second).state) == ("pending", "prepared")
    assert row(second).reason == "Your organization's places on this cluster are taken."
    with service():
        ComputeJob.objects.filter(pk=first.pk).update(
            state="ended", outcome="succeeded", ended_at=first.created_at
        )
    reconciling.sweep()
    assert (row(second).state, row(second).reason) == ("pending", "")


def test_an_organization_holds_so_many_gpus_there_and_no_more(submit, cluster):
    limit(cluster, gpus_each=3)
    names = ["ft-one-a1", "ft-two-a1", "ft-three-a1"]
    wanted = [submit(name, gpus=gpus) for name, gpus in zip(names, (2, 2, 1), strict=True)]

    reconciling.sweep()

    assert [row(job).state for job in wanted] == ["pending", "prepared", "pending"]


def test_what_a_job_held_is_written_down_when_it_ends(submit, local_cluster):
    job = submit(code="import time; time.sleep(1.2)", cpus=2, gpus=1)

    def has_ended():
        reconciling.sweep()
        return row(job).state == "ended"

    local_cluster.run_until(has_ended)

    assert row(job).cpu_seconds == 2 * row(job).gpu_seconds > 0


def test_a_cluster_is_added_once_and_only_if_it_can_be_spoken_to(paris, settings):
    settings.CLUSTER_ADDRESSES = ("http://slurm:6820",)
    facts = {"name": "HPC", "slug": "hpc", "kind": "slurm", "region": paris}
    facts |= {"isolation": "shared", "options": {"user": "t", "folder": "/shared"}}
    known = {**facts, "address": "http://slurm:6820", "credential": "secret"}

    with service(), pytest.raises(BadCluster, match="CLUSTER_ADDRESSES does not name"):
        clusters.add({**known, "address": "http://elsewhere"}, by=None)
    with service():
        clusters.add(known, by=None)
        with pytest.raises(ClusterTaken):
            clusters.add(known, by=None)
        entry = AuditEntry.objects.get(action="cluster.added")

    assert entry.after["has_credential"] is True
    assert "secret" not in str(entry.after)


@pytest.fixture
def hpc(paris, settings):
    """A cluster that is known by a token, and that nobody answers for."""
    settings.CLUSTER_ADDRESSES = ("http://127.0.0.1:9",)
    facts = {"name": "K8s", "slug": "k8s", "kind": "kubernetes", "region": paris}
    facts |= {"isolation": "shared", "options": {"image": "trainer:1"}}
    with service():
        return clusters.add(
            {**facts, "address": "http://127.0.0.1:9", "credential": "old"}, by=None
        )


def test_a_cluster_is_given_another_token_that_no_record_tells(hpc, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(" fresh\n"))

    with pytest.raises(CommandError, match="k8s: Nobody listens"):
        call_command("clusters", "renew", "k8s")

    with service():
        assert Cluster.objects.get(pk=hpc.pk).credential == "fresh"
        entry = AuditEntry.objects.get(action="cluster.renewed")
    assert "fresh" not in f"{entry.before}{entry.after}"


def test_an_empty_token_changes_nothing(hpc, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    with pytest.raises(CommandError, match="A credential is missing"):
        call_command("clusters", "renew", "k8s")

    with service():
        assert Cluster.objects.get(pk=hpc.pk).credential == "old"
        assert not AuditEntry.objects.filter(action="cluster.renewed").exists()
