"""Clusters that speak Slurm, for the tests that every cluster passes."""

import os
import sys
from pathlib import Path

import pytest

from compute.scheduler import Phase
from compute.schedulers.slurm.client import Client
from compute.schedulers.slurm.options import SlurmOptions
from compute.schedulers.slurm.scheduler import SlurmScheduler
from portal.embedded import launch
from portal.environment import ROOT
from tests.support.clusters import spec, wait_until
from tests.support.fake_slurm import FakeSlurm
from tests.support.slurm import RealSlurm, missing

#: Where the jobs of tests find Python.
PROGRAMS_OF_JOBS = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


class SlurmCluster:
    """A cluster for the tests of all schedulers: it moves by itself."""

    def __init__(self, slurm, credential=None, **options):
        self.slurm = slurm
        self.root = slurm.shared
        facts = {"user": slurm.user, "folder": str(slurm.shared), "partition": "train",
                 "programs": PROGRAMS_OF_JOBS, "house": str(ROOT), **options}  # fmt: skip
        self.options = SlurmOptions.read(facts)
        token = slurm.token() if credential is None else credential
        self.scheduler = SlurmScheduler(Client(slurm.address, slurm.user, token), self.options)

    def tick(self):
        """Do nothing: others do."""

    def run_until(self, condition, seconds=30):
        """Wait until the condition holds."""
        assert launch.wait_until(condition, seconds=seconds), "waited in vain"

    def ended(self, handle, seconds=30):
        """Wait until the job has ended; return its status."""
        self.run_until(lambda: self.phase(handle) == Phase.ENDED, seconds)
        return self.scheduler.status([handle])[handle]

    def running(self, handle):
        """Wait until the job runs."""
        self.run_until(lambda: self.phase(handle) == Phase.RUNNING)
        return handle

    def phase(self, handle):
        """Return where the job stands."""
        return self.scheduler.status([handle])[handle].phase

    def fill(self):
        """Leave no free place."""
        self.scheduler.submit(spec("ft-filler-a1", "import time; time.sleep(60)", cpus=4))

    def forget(self, handle):
        """Lose all that is known of the job, and of every other."""
        self.slurm.lose_state()

    def break_off(self):
        """Let nobody reach it any more."""
        self.slurm.stop_service()


@pytest.fixture
def slurm():
    """A real Slurm; skipped where it is not installed, unless it must be there."""
    if absent := missing():
        assert "REQUIRE_SLURM" not in os.environ, f"not installed: {absent}"
        pytest.skip(f"Slurm is not installed: {', '.join(absent)} (see docs/clusters.md)")
    real = RealSlurm()
    try:
        real.start()
        yield real
    finally:
        real.stop()


@pytest.fixture
def slurm_cluster(slurm):
    """A real Slurm, spoken to."""
    return SlurmCluster(slurm)


class FakeSlurmCluster(SlurmCluster):
    """One of our own, which moves when the test says so."""

    def __init__(self, slurm, **options):
        super().__init__(slurm, "right", **options)

    def tick(self):
        """Let it look once."""
        self.slurm.tick()

    def run_until(self, condition, seconds=10):
        """Let it work until the condition holds."""
        wait_until(lambda: self.tick() or condition(), seconds)

    def fill(self):
        """Leave no free place: it moves only when it is told to."""

    def forget(self, handle):
        """Lose all that is known of the job."""
        self.slurm.forget(int(handle.external_id))


def _fake(version):
    @pytest.fixture
    def fake(tmp_path):
        """Return a Slurm of our own in this dialect."""
        shared = tmp_path / "jobs"
        shared.mkdir()
        slurm = FakeSlurm(version, shared)
        yield FakeSlurmCluster(slurm)
        slurm.stop()

    return fake


slurm_38, slurm_43, slurm_45 = map(_fake, ("38", "43", "45"))
