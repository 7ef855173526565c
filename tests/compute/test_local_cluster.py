"""The local cluster alone: its node is killed, stopped, doubled, and watched from outside."""

import os
import signal

from compute.scheduler import Outcome
from tests.support.clusters import spec, wait_until

COUNT = """
import pathlib, time
runs = pathlib.Path("runs")
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
while not pathlib.Path("go").exists(): time.sleep(0.02)
"""

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def go(cluster, handle):
    """Let a counting job end; return how often it was started."""
    work = cluster.root / handle.name / "work"
    (work / "go").touch()
    cluster.ended(handle)
    return (work / "runs").read_text()


def test_a_job_outlives_its_killed_node_and_is_not_started_again(local_cluster, start_node):
    first = start_node()
    handle = local_cluster.scheduler.submit(spec(code=COUNT))
    wait_until((local_cluster.root / handle.name / "work" / "runs").exists)
    first.end(signal.SIGKILL)

    local_cluster.tick()

    assert local_cluster.phase(handle) == "running"
    assert go(local_cluster, handle) == "x"
    assert local_cluster.scheduler.status([handle])[handle].outcome == Outcome.SUCCEEDED


def test_a_stopped_node_takes_its_jobs_with_it_and_says_so(local_cluster, start_node):
    node = start_node()
    handle = local_cluster.scheduler.submit(spec(code="import time; time.sleep(60)"))
    wait_until(lambda: local_cluster.phase(handle) == "running")
    group = int((local_cluster.root / handle.name / "pid").read_text())

    assert node.end() == 0

    status = local_cluster.scheduler.status([handle])[handle]
    assert (status.outcome, status.reason) == (
        Outcome.NODE_FAILED,
        "The local cluster was stopped.",
    )
    wait_until(lambda: not group_lives(group))


def test_a_job_whose_processes_vanish_has_failed_with_its_node(local_cluster):
    handle = local_cluster.running(
        local_cluster.scheduler.submit(spec(code="import time; time.sleep(60)"))
    )
    os.killpg(int((local_cluster.root / handle.name / "pid").read_text()), signal.SIGKILL)

    assert local_cluster.ended(handle).outcome == Outcome.NODE_FAILED


def test_a_second_node_is_refused(local_cluster, start_node):
    start_node()
    second = start_node()

    assert second.process.wait(timeout=10) == 1


def test_the_cluster_tells_whether_its_node_runs(local_cluster, start_node):
    assert local_cluster.scheduler.check() == "The local cluster is not running."

    start_node()

    assert local_cluster.scheduler.check() == ""


def test_jobs_wait_for_a_free_place_and_keep_their_order(local_cluster):
    names = ["ft-c", "ft-b", "ft-a"]
    handles = [local_cluster.scheduler.submit(spec(name, COUNT)) for name in names]
    local_cluster.running(handles[1])

    assert [local_cluster.phase(handle) for handle in handles] == ["running", "running", "pending"]

    go(local_cluster, handles[0])
    local_cluster.running(handles[2])


def test_a_job_inherits_nothing_of_the_portal(local_cluster, start_node):
    start_node()
    code = "import os; print(sorted(os.environ))"
    handle = local_cluster.scheduler.submit(spec(code=code, environment={"GIVEN": "1"}))
    wait_until(lambda: local_cluster.phase(handle) == "ended")

    names = local_cluster.scheduler.logs(handle).data.decode()
    assert "GIVEN" in names
    assert "SECRET" not in names
    assert "DATABASE_URL" not in names


def test_a_job_that_does_not_listen_is_killed(local_cluster):
    handle = local_cluster.scheduler.submit(spec(code=DEAF))
    local_cluster.run_until(lambda: b"up" in local_cluster.scheduler.logs(handle).data)
    local_cluster.scheduler.cancel(handle)

    assert local_cluster.ended(handle).outcome == Outcome.CANCELLED


def test_a_job_that_takes_too_long_is_ended(local_cluster):
    handle = local_cluster.scheduler.submit(spec(code=SLEEP, time_limit=0))

    assert local_cluster.ended(handle).outcome == Outcome.TIMEOUT


def group_lives(group):
    """Tell whether a process of the group lives."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
