"""Rows that are parts of one Kubernetes, and jobs with which something is wrong there."""

import copy
import uuid

import pytest

from common.database import service
from compute.models import Cluster, ComputeJob
from compute.services import jobs, orphans, reconciling
from tenants.scope import scope
from tenants.services import organizations
from tests.compute.test_kubernetes_api import WORKLOADS, condition, container, workload
from tests.support.clusters import spec
from tests.support.kubernetes_api import BEGAN, refusal

SPACE = "/apis/batch/v1/namespaces/tenant-{}/jobs"
NO_RIGHT = refusal(403, 'jobs.batch is forbidden: User "portal" cannot create resource "jobs"')
pytestmark = pytest.mark.celery_for_real


@pytest.fixture
def part(paris, settings):
    """Add a row that is a part of an emulator's cluster."""

    def add(api, slug="part", address=None, **options):
        address = address or api.address
        settings.CLUSTER_ADDRESSES = [*settings.CLUSTER_ADDRESSES, address]
        with service():
            return Cluster.objects.create(
                name=slug, slug=slug, kind="kubernetes", region=paris, isolation="dedicated_node",
                address=address, credential="right", options={"image": "trainer:1", **options},
            )  # fmt: skip

    return add


@pytest.fixture
def ask(acme):
    """Ask a cluster for a job, and have it submitted."""

    def ask(where, name, whose=acme, look=reconciling.sweep):
        with scope(whose):
            facts = {"owner_kind": "test.thing", "owner_id": uuid.uuid4()}
            job = jobs.submit(whose, where, spec(name), **facts)
        look()
        return row(job)

    return ask


def row(job):
    with service():
        return ComputeJob.objects.get(pk=job.pk)


def runs(api, job):
    api.put_pod(job.handle, **container("running", startedAt=BEGAN))
    return job


def is_let_run(api, handle):
    return not api.job(handle)["spec"].get("suspend")


@pytest.mark.parametrize("alias", [None, "localhost"])
def test_a_part_leaves_the_jobs_of_another_part_alone(api, part, ask, alias):
    address = alias and api.address.replace("127.0.0.1", alias)
    one, other = part(api), part(api, "other", address)
    asked = [runs(api, ask(one, "ft-one-a1")), runs(api, ask(other, "ft-two-a1"))]

    assert orphans.cancel_all() == 0
    assert all(is_let_run(api, job.handle) for job in asked)


def test_a_job_that_is_just_being_submitted_by_another_part_is_left_alone(api, part, ask):
    part(api)
    job = runs(api, ask(part(api, "other"), "ft-one-a1"))
    with service():
        ComputeJob.objects.filter(pk=job.pk).update(
            state="unknown", external_id="", submitted_at=None
        )

    assert orphans.cancel_all() == 0


def test_a_job_of_the_name_elsewhere_keeps_no_orphan_alive(api, kueue, part, ask):
    part(api)
    ask(part(kueue, "elsewhere"), "ft-one-a1")
    orphan = api.scheduler.submit(spec("ft-one-a1", tenant="acme"))

    assert orphans.cancel_all() == 1
    assert not is_let_run(api, orphan)


def test_an_orphan_that_cannot_be_cancelled_keeps_no_other_alive(api, part):
    part(api)
    api.scheduler.submit(spec("ft-one-a1", tenant="shut"))
    orphan = api.scheduler.submit(spec("ft-two-a1", tenant="acme"))
    api.answer(f"patch {SPACE.format('shut')}/ft-one-a1", NO_RIGHT)

    assert orphans.cancel_all() == 1
    assert not is_let_run(api, orphan)


def test_a_namespace_that_takes_no_jobs_holds_up_no_other(api, part, ask, charlie):
    cluster = part(api)
    shut_out = organizations.found(name="Shut", owner=charlie, country="FR")
    api.answer(f"post {SPACE.format('shut')}", NO_RIGHT)

    shut = ask(cluster, "ft-one-a1", shut_out, look=lambda: None)
    other = ask(cluster, "ft-two-a1")

    assert (row(shut).state, other.state) == ("unknown", "pending")
    with service():
        assert "forbidden" in Cluster.objects.get().trouble


def test_a_job_that_cannot_be_cancelled_lets_others_be(api, part, ask, acme):
    cluster = part(api)
    asked = [ask(cluster, "ft-one-a1"), ask(cluster, "ft-two-a1")]
    api.answer(f"patch {SPACE.format('acme')}/ft-one-a1", NO_RIGHT)
    for job in asked:
        with scope(acme):
            jobs.cancel(job)

    reconciling.sweep()

    assert [row(job).cancel_asked_at is None for job in asked] == [True, False]


def test_what_was_taken_back_has_not_ended_before_it_is_removed(kueue, part, ask):
    job = ask(part(kueue, queue="ft"), "ft-one-a1")
    place = f"{SPACE.format('acme')}/ft-one-a1"
    back = condition("Evicted", "Preempted")
    kueue.answer(f"get {WORKLOADS}", {"items": [workload(kueue, job.handle, back)]})
    # The emulator removes it all the same: what it had is what it answers.
    kept = copy.deepcopy(kueue.job(job.handle))
    kueue.answer("get /apis/batch/v1/jobs", {"items": [kept]})
    kueue.answer(f"get {place}", kept)
    kueue.answer(f"delete {place}", NO_RIGHT, {"kind": "Status"})

    reconciling.sweep()
    assert row(job).state == "pending"
    reconciling.sweep()

    assert (row(job).state, row(job).outcome) == ("ended", "preempted")


def test_a_cluster_is_not_asked_for_longer_than_a_lease_lasts(api, part, ask, monkeypatch):
    monkeypatch.setattr(reconciling, "LONGEST", -1)

    job = ask(part(api), "ft-one-a1")

    assert (job.state, job.lease) == ("unknown", None)
