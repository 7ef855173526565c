"""Jobs and clusters brought together, whoever dies in between."""

import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import ProgrammingError, connections
from django.utils import timezone

from common.database import service
from compute.errors import NameMeansAnother, OutsideTheBorder
from compute.models import Cluster, ComputeJob
from compute.scheduler import JobStatus, Phase
from compute.services import findings, jobs, leases, orphans, reconciling
from compute.services.findings import Finding
from compute.signals import compute_job_changed
from tenants.models import AuditEntry
from tenants.scope import scope
from tenants.services import organizations
from tests.support.clusters import spec

SLEEP = "import time; time.sleep(60)"
#: The bell rings and no worker comes: the process that would have has been killed.
nobody_comes = pytest.mark.celery_for_real


@pytest.fixture
def submit(acme, cluster):
    """Ask for a job as Acme."""

    def submit(wanted=None, where=cluster):
        with scope(acme):
            return jobs.submit(
                acme, where, wanted or spec(), owner_kind="test.thing", owner_id=uuid.uuid4()
            )

    return submit


@pytest.fixture
def told():
    """What compute has told the apps above."""
    heard = []

    def hear(**facts):
        heard.append(facts)

    compute_job_changed.connect(hear)
    yield heard
    compute_job_changed.disconnect(hear)


def row(job):
    """Return the job as it stands."""
    with service():
        return ComputeJob.objects.get(pk=job.pk)


def change(job, **facts):
    """Change the row behind everybody's back."""
    with service():
        ComputeJob.objects.filter(pk=job.pk).update(**facts)


def sweep_until(local_cluster, job, state, seconds=10):
    """Let node and sweep work until the row says so; return it."""

    def is_there():
        reconciling.sweep()
        return row(job).state == state

    local_cluster.run_until(is_there, seconds)
    return row(job)


def test_a_job_runs_to_its_end_and_leaves_its_marks(submit, local_cluster, told, acme):
    job = submit()
    assert row(job).state == "pending"

    ended = sweep_until(local_cluster, job, "ended")

    assert (ended.outcome, ended.exit_code, ended.lease) == ("succeeded", 0, None)
    assert ended.submitted_at <= ended.started_at <= ended.ended_at
    assert {fact["owner_id"] for fact in told} == {job.owner_id}
    with scope(acme):
        entries = AuditEntry.objects.filter(target_id=str(job.pk)).order_by("id")
        acts = [(entry.action, entry.actor_kind) for entry in entries]
        assert entries[0].after["jurisdiction"] == "EU"
    assert acts == [("compute_job.submitted", "system"), ("compute_job.ended", "system")]


def test_a_name_asked_for_again_is_the_same_job(submit, local_cluster):
    job = submit()

    assert submit() == job
    with pytest.raises(NameMeansAnother):
        submit(spec(code="print('another')"))
    assert len(list(local_cluster.scheduler.list(""))) == 1


@nobody_comes
def test_many_reconcilers_at_once_submit_one_job(submit, local_cluster):
    job = submit(spec(code="print('ran')"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(in_a_thread, [lambda: reconciling.reconcile(job.pk)] * 16))

    sweep_until(local_cluster, job, "ended")
    assert local_cluster.scheduler.logs(job_handle(job)).data == b"ran\n"


@nobody_comes
def test_a_job_without_a_bell_is_found_by_the_sweep(submit):
    job = submit()
    assert row(job).state == "prepared"

    assert reconciling.sweep() == 1
    assert row(job).state == "pending"


@nobody_comes
def test_a_worker_killed_after_submitting_leaves_a_job_that_is_found(
    submit, cluster, local_cluster
):
    job = submit()
    leases.take(cluster)
    local_cluster.scheduler.submit(job.job_spec)
    assert row(job).state == "unknown"
    assert reconciling.sweep() == 0

    change(job, leased_until=timezone.now() - timedelta(seconds=1))
    reconciling.sweep()

    assert row(job).state == "pending"
    assert len(list(local_cluster.scheduler.list(""))) == 1


@nobody_comes
def test_a_worker_killed_before_submitting_is_not_believed_at_once(submit, cluster, local_cluster):
    job = submit()
    leases.take(cluster)
    change(job, leased_until=None)
    for _ in range(10):
        reconciling.sweep()
    assert (row(job).state, list(local_cluster.scheduler.list(""))) == ("unknown", [])

    change(job, asked_at=timezone.now() - timedelta(minutes=2))
    reconciling.sweep()

    assert row(job).state == "pending"
    assert row(job).asked_at > timezone.now() - timedelta(minutes=1)


@nobody_comes
def test_who_comes_late_changes_nothing(submit, cluster):
    job = submit()
    (late,) = leases.take(cluster)
    change(job, leased_until=None)
    reconciling.sweep()

    findings.record(late.job, Finding(JobStatus(Phase.ABSENT)))

    assert (row(job).state, row(job).misses) == ("unknown", 1)


def test_a_job_lost_by_the_cluster_ends_as_lost_not_running(submit, local_cluster):
    job = submit()
    shutil.rmtree(local_cluster.root / job.name)
    change(job, asked_at=timezone.now() - timedelta(minutes=2))
    for _ in range(5):
        reconciling.sweep()
        assert row(job).state == "pending"

    reconciling.sweep()

    assert (row(job).state, row(job).outcome) == ("ended", "lost")


def test_an_unreachable_cluster_fails_nothing(submit, cluster):
    job = submit()
    with service():
        Cluster.objects.update(kind="slurm")

    for _ in range(10):
        reconciling.sweep()

    assert (row(job).state, row(job).lease) == ("pending", None)
    with service():
        assert "Slurm" in Cluster.objects.get().trouble


@nobody_comes
def test_a_job_cancelled_before_it_was_submitted_never_runs(submit, acme, local_cluster):
    job = submit()
    with scope(acme):
        jobs.cancel(job)

    reconciling.sweep()

    assert (row(job).outcome, list(local_cluster.scheduler.list(""))) == ("cancelled", [])


def test_a_running_job_is_cancelled_and_twice_is_once(submit, acme, local_cluster):
    job = submit(spec(code=SLEEP))
    sweep_until(local_cluster, job, "running")
    with scope(acme):
        jobs.cancel(job)
        jobs.cancel(job)

    assert sweep_until(local_cluster, job, "ended").outcome == "cancelled"
    with scope(acme):
        assert jobs.cancel(job).desired == "cancel"


def test_work_does_not_cross_the_border(submit, acme):
    with service():
        acme.allowed_jurisdictions = ["KZ"]
        acme.save()

    with pytest.raises(OutsideTheBorder):
        submit()
    with service():
        assert ComputeJob.objects.count() == 0


def test_a_job_nobody_asks_for_is_cancelled(submit, local_cluster):
    job = submit()
    orphan = local_cluster.scheduler.submit(spec("ft-orphan-a1", SLEEP))
    other = local_cluster.scheduler.submit(spec("somebody-elses", SLEEP))

    assert orphans.cancel_all() == 1

    assert local_cluster.ended(orphan).outcome == "cancelled"
    assert local_cluster.phase(other) != "ended"
    assert row(job).desired == "run"


def test_a_job_that_runs_on_after_its_end_was_written_is_cancelled(submit, local_cluster):
    job = submit(spec(code=SLEEP))
    handle = local_cluster.running(job_handle(row(job)))
    with service():
        lost = {"state": "ended", "outcome": "lost", "ended_at": timezone.now()}
        ComputeJob.objects.filter(pk=job.pk).update(**lost)

    assert orphans.cancel_all() == 1

    assert local_cluster.ended(handle).outcome == "cancelled"


def test_the_app_role_may_wish_and_not_say_how_it_ended(submit, acme):
    job = submit()

    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        ComputeJob.objects.filter(pk=job.pk).update(state="ended", outcome="succeeded")
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        ComputeJob.objects.filter(pk=job.pk).delete()


def test_a_job_is_seen_by_its_organization_alone(submit, charlie):
    submit()
    other = organizations.found(name="Other", owner=charlie, country="FR")

    with scope(other):
        assert ComputeJob.objects.count() == 0


def job_handle(job):
    """Return how the cluster knows the job."""
    return row(job).handle


def in_a_thread(call):
    """Call, and close the connections this thread opened."""
    try:
        return call()
    finally:
        connections.close_all()
