"""What every scheduler promises; a new one joins by one more fixture in ``SCHEDULERS``.

``tests/training`` holds a real Slurm to it as well.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from compute.scheduler import JobHandle, Outcome, Phase, Rejected, Unreachable
from compute.schedulers.local.folder import now
from tests.support.clusters import spec

SCHEDULERS = ["local_cluster", "slurm_38", "slurm_43", "slurm_45", "kubernetes"]
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
POLITE = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); {SLEEP}"


@pytest.fixture(params=SCHEDULERS)
def cluster(request):
    """Each cluster in turn."""
    return request.getfixturevalue(request.param)


def up(cluster, code, name="ft-one-a1"):
    """Submit a job and wait until it has begun to write."""
    handle = cluster.running(cluster.scheduler.submit(spec(name, code)))
    cluster.run_until(lambda: b"up" in cluster.scheduler.logs(handle).data)
    return handle


def test_a_job_runs_and_its_output_can_be_read(cluster):
    handle = cluster.scheduler.submit(spec())

    status = cluster.ended(handle)

    assert (status.outcome, status.exit_code) == (Outcome.SUCCEEDED, 0)
    assert handle.submitted_at <= status.started_at <= status.ended_at
    assert cluster.scheduler.logs(handle).data == b"hello\n"


def test_a_log_is_read_on_from_where_the_last_page_ended(cluster):
    handle = cluster.scheduler.submit(spec())
    cluster.ended(handle)

    first = cluster.scheduler.logs(handle)
    rest = cluster.scheduler.logs(handle, first.next_offset)

    assert (rest.data, rest.next_offset) == (b"", 6)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (65, "user_error"),
        (75, "preempted"),
        (70, "crashed"),
        (1, "crashed"),
        (127, "launch_failed"),
    ],
)
def test_the_exit_code_says_whose_fault_it_was(cluster, code, outcome):
    status = cluster.ended(cluster.scheduler.submit(spec(code=f"raise SystemExit({code})")))

    assert (status.outcome, status.exit_code) == (outcome, code)


def test_a_program_that_is_not_there_has_failed_to_launch(cluster):
    unknown = replace(spec(), command=("no-such-program",))

    assert cluster.ended(cluster.scheduler.submit(unknown)).outcome == Outcome.LAUNCH_FAILED


def test_many_who_submit_a_name_start_one_job(cluster):
    wanted = spec(code="print('ran')")
    with ThreadPoolExecutor(8) as pool:
        handles = set(pool.map(cluster.scheduler.submit, [wanted] * 16))

    (handle,) = handles
    cluster.ended(handle)
    assert cluster.scheduler.submit(wanted) == handle
    cluster.tick()
    assert cluster.scheduler.logs(handle).data == b"ran\n"


def test_a_name_cannot_mean_another_job(cluster):
    cluster.scheduler.submit(spec(code="print(1)"))

    with pytest.raises(Rejected):
        cluster.scheduler.submit(spec(code="print(2)"))


def test_a_job_is_found_by_its_name(cluster):
    handle = cluster.scheduler.submit(spec())

    assert cluster.scheduler.find("ft-one-a1") == handle
    assert cluster.scheduler.find("ft-two-a1") is None


def test_an_unknown_job_is_absent(cluster):
    known = cluster.scheduler.submit(spec())
    stranger = JobHandle("77", "ft-two-a1", now())

    seen = cluster.scheduler.status([known, stranger])

    assert seen[known].phase != Phase.ABSENT
    assert seen[stranger].phase == Phase.ABSENT


def test_a_waiting_job_says_why(cluster):
    cluster.fill()
    handle = cluster.scheduler.submit(spec())

    status = cluster.scheduler.status([handle])[handle]

    assert (status.phase, status.reason[-1]) == (Phase.PENDING, ".")


def test_a_waiting_job_is_cancelled_without_running(cluster):
    cluster.fill()
    handle = cluster.scheduler.submit(spec())
    cluster.scheduler.cancel(handle)

    assert cluster.ended(handle).outcome == Outcome.CANCELLED
    assert cluster.scheduler.logs(handle).data == b""
    assert list(cluster.scheduler.usage(handle)) == []


def test_a_running_job_is_cancelled_and_twice_is_once(cluster):
    handle = up(cluster, SLEEP)
    cluster.scheduler.cancel(handle)
    cluster.scheduler.cancel(handle)

    assert cluster.ended(handle).outcome == Outcome.CANCELLED


def test_a_forced_end_waits_for_nobody(cluster):
    handle = up(cluster, DEAF)
    cluster.scheduler.cancel(handle)
    cluster.scheduler.cancel(handle, force=True)

    assert cluster.ended(handle).outcome == Outcome.CANCELLED


def test_a_job_that_finished_before_its_cancellation_has_succeeded(cluster):
    handle = up(cluster, POLITE)
    cluster.scheduler.cancel(handle)

    assert cluster.ended(handle).outcome == Outcome.SUCCEEDED


def test_cancelling_an_ended_job_changes_nothing(cluster):
    handle = cluster.scheduler.submit(spec())
    before = cluster.ended(handle)
    cluster.scheduler.cancel(handle)
    cluster.tick()

    assert cluster.scheduler.status([handle])[handle] == before


def test_jobs_are_listed_by_the_beginning_of_their_names(cluster):
    for name in ("ft-one-a1", "ft-two-a1", "other"):
        cluster.scheduler.submit(spec(name))

    assert {handle.name for handle in cluster.scheduler.list("ft-")} == {"ft-one-a1", "ft-two-a1"}


def test_nothing_that_is_said_of_a_job_is_taken_for_a_command(cluster):
    words = ["$(touch /tmp/x)", "; exit 3", "a\nb", "'\"`\\", "--", "é", ""]
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['SAID']]))"
    wanted = spec(code=code, environment={"SAID": " ".join(words)})
    wanted = replace(wanted, command=(*wanted.command, *words))

    handle = cluster.scheduler.submit(wanted)

    assert cluster.ended(handle).outcome == Outcome.SUCCEEDED
    assert json.loads(cluster.scheduler.logs(handle).data) == [words, " ".join(words)]


def test_what_an_ended_job_has_used_is_known(cluster):
    handle = cluster.scheduler.submit(spec(cpus=2, gpus=1))
    status = cluster.ended(handle)

    (run,) = cluster.scheduler.usage(handle)

    assert (run.started_at, run.ended_at) == (status.started_at, status.ended_at)
    assert (run.cpus, run.gpus) == (2, 1)


def test_a_long_log_comes_in_pages(cluster):
    handle = cluster.scheduler.submit(spec(code="print('x' * 200_000)"))
    cluster.ended(handle)

    page = cluster.scheduler.logs(handle, 100)

    assert (len(page.data), page.next_offset) == (65_536, 65_636)


def test_what_the_cluster_would_be_told_can_be_read(cluster):
    assert "ft-one-a1" in json.dumps(cluster.scheduler.render(spec()))


def test_a_job_that_was_forgotten_is_absent(cluster):
    handle = cluster.scheduler.submit(spec())
    cluster.ended(handle)
    cluster.forget(handle)

    assert cluster.scheduler.status([handle])[handle].phase == Phase.ABSENT
    assert cluster.scheduler.find(handle.name) is None
    assert list(cluster.scheduler.usage(handle)) == []


def test_of_a_cluster_that_cannot_be_reached_nothing_is_known(cluster):
    handle = cluster.scheduler.submit(spec())
    cluster.break_off()

    for ask in (
        lambda: cluster.scheduler.find("ft-one-a1"),
        lambda: cluster.scheduler.status([handle]),
        lambda: cluster.scheduler.cancel(handle),
        lambda: cluster.scheduler.usage(handle),
        lambda: cluster.scheduler.submit(spec("ft-two-a1")),
        lambda: list(cluster.scheduler.list("")),
    ):
        with pytest.raises(Unreachable):
            ask()
    assert cluster.scheduler.check()


@pytest.mark.parametrize("name", ["", "../up", "UPPER", "a/b", "-a", "a" * 64, "a\n"])
def test_a_name_that_some_scheduler_would_refuse_is_refused_by_all(name):
    with pytest.raises(ValueError, match="is not a name"):
        spec(name)
