"""Services are kept running: whoever is killed, one run at a time, and none when none is wished."""

import os
import signal
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from common import http
from common.database import service
from compute.models import ComputeJob, Service
from compute.scheduler import JobSpec
from compute.services import orphans, reconciling, running
from compute.signals import compute_service_changed

SPEC = JobSpec("one", ("python3", "-m", "tests.support.serving"), time_limit=3600)
OWNER = uuid.UUID(int=7)
BROKEN = JobSpec("one", ("python3", "-c", "raise SystemExit(1)"))


@pytest.fixture
def begin(acme, cluster):
    """Wish that something runs."""

    def begin(spec=SPEC):
        return running.start(acme, cluster, spec, owner_kind="test.thing", owner_id=OWNER)

    return begin


@pytest.fixture
def until(local_cluster):
    """Let node and sweeps work until the service is so; return it."""

    def until(found, condition, seconds=10):
        def is_so():
            reconciling.sweep()
            running.sweep()
            return condition(row(found))

        local_cluster.run_until(is_so, seconds)
        return row(found)

    return until


@pytest.fixture
def told():
    """What compute has told the apps above."""
    heard = []

    def hear(**facts):
        heard.append(facts)

    compute_service_changed.connect(hear)
    yield heard
    compute_service_changed.disconnect(hear)


def row(found):
    """Return the service as it stands."""
    with service():
        return Service.objects.select_related("job").get(pk=found.pk)


def is_well(found):
    """Whether it answers."""
    return found.state == Service.State.HEALTHY


def process_of(cluster, found):
    """Return the group of its processes."""
    return int((cluster.root / found.job.name / "pid").read_text())


def runs(found):
    """Return how many jobs were made for it."""
    with service():
        return ComputeJob.objects.filter(owner_id=found.pk).count()


def test_a_service_answers_where_it_says(begin, until, told):
    well = until(begin(), is_well)

    assert http.get(f"{well.address}/health").status == 200
    assert (well.run, well.trouble) == (1, "")
    assert [facts["service_id"] for facts in told] == [well.pk]


def test_wishing_twice_is_once(begin, until):
    first, second = begin(), begin()

    assert first.pk == second.pk
    assert runs(until(first, is_well)) == 1


def test_one_that_was_killed_comes_back(begin, until, local_cluster):
    first = until(begin(), is_well)
    os.killpg(process_of(local_cluster, first), signal.SIGKILL)

    again = until(first, lambda found: is_well(found) and found.run == 2)

    assert again.address != first.address
    assert (again.failures, runs(again)) == (1, 2)


def test_one_that_ends_again_and_again_is_tried_less_and_less_often(begin, until):
    failing = until(begin(BROKEN), lambda found: found.failures == 2)

    assert failing.not_before > timezone.now()
    assert failing.state == Service.State.STARTING
    assert "exit code 1" in failing.trouble


def test_one_that_is_ill_for_long_is_begun_anew(begin, until, monkeypatch):
    well = until(begin(), is_well)
    monkeypatch.setattr(running, "LONGEST_ILLNESS", timedelta(0))
    monkeypatch.setattr(running, "HEALTH", "/ill")

    until(well, lambda found: found.job.desired == "cancel" and found.address == "")

    monkeypatch.undo()
    assert until(well, is_well).run == 2


def test_one_that_stops_ends_only_when_its_calls_had_time_and_begins_again(begin, until, told):
    well = until(begin(), is_well)

    running.stop(well, after=timedelta(minutes=5))
    draining = until(well, lambda found: found.state == Service.State.STOPPING)
    assert (draining.job.desired, draining.address) == ("run", "")
    with service():
        Service.objects.filter(pk=well.pk).update(not_before=timezone.now())
    stopped = until(well, lambda found: found.state == Service.State.STOPPED)

    assert stopped.job.state == ComputeJob.State.ENDED
    assert until(begin(), is_well).run == 2


def test_a_service_takes_no_place_of_jobs_and_is_nobodys_orphan(begin, until, local_cluster):
    local_cluster.node._places = 0

    well = until(begin(), is_well)

    assert orphans.cancel_all() == 0
    assert is_well(row(well))
