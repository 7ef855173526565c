"""A local cluster for tests: its folder, and a node that really runs its jobs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from common.database import service
from compute.models import Cluster
from compute.scheduler import JobSpec
from compute.schedulers.local import node
from compute.schedulers.local.node import Node
from compute.schedulers.local.scheduler import LocalScheduler
from portal.environment import ROOT
from tenants.models import Region

PYTHON = (sys.executable, "-c")


class LocalCluster:
    """A folder of jobs, and a node in this process that moves when the test says so."""

    def __init__(self, root):
        self.root = root
        self.scheduler = LocalScheduler(root)
        self.grace = timedelta(seconds=0.3)
        self.node = Node(root, places=2, grace=self.grace)

    def tick(self):
        """Let the node look once."""
        self.node.tick()

    def run_until(self, condition, seconds=10):
        """Let the node work until the condition holds."""
        wait_until(lambda: self.tick() or condition(), seconds)

    def ended(self, handle):
        """Let the node work until the job has ended; return its status."""
        self.run_until(lambda: self.phase(handle) == "ended")
        return self.scheduler.status([handle])[handle]

    def running(self, handle):
        """Let the node work until the job runs."""
        self.run_until(lambda: self.phase(handle) == "running")
        return handle

    def phase(self, handle):
        """Return where the job stands."""
        return self.scheduler.status([handle])[handle].phase

    def fill(self):
        """Leave no free place: this node moves only when it is told to."""

    def forget(self, handle):
        """Lose all that is known of the job."""
        shutil.rmtree(self.root / handle.name)

    def break_off(self):
        """Let nobody reach it any more."""
        self.root.rename(self.root.with_name("elsewhere"))

    def clean_up(self):
        """End whatever still runs."""
        if self.root.is_dir():
            self.node.stop()


class NodeProcess:
    """A node in a process of its own, as `manage.py up` starts it."""

    def __init__(self, root):
        command = [sys.executable, "-m", "compute.schedulers.local", "--root", str(root)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "SECRET": "portal's"}
        )
        wait_until(lambda: self.process.poll() is not None or node.is_running(root))

    def end(self, number=signal.SIGTERM):
        """Send the signal and wait."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


def wait_until(condition, seconds=10):
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def spec(name="ft-one-a1", code="print('hello')", **facts):
    """Return a job that runs this Python."""
    return JobSpec(name, (*PYTHON, code), **facts)


@pytest.fixture
def local_cluster(tmp_path):
    """A local cluster in a folder of the test's."""
    cluster = LocalCluster(tmp_path / "cluster")
    yield cluster
    cluster.clean_up()


@pytest.fixture
def start_node(tmp_path):
    """Start nodes in processes of their own."""
    started = []

    def start(root=tmp_path / "cluster"):
        started.append(NodeProcess(root))
        return started[-1]

    yield start
    for each in started:
        each.process.poll() is None and each.end()


@pytest.fixture
def paris(db):
    """The region where files and clusters of the tests stand."""
    with service():
        facts = {"name": "Paris", "jurisdiction": "EU", "country": "FR"}
        return Region.objects.get_or_create(code="eu-paris", defaults=facts)[0]


@pytest.fixture
def cluster(paris, tmp_path, settings):
    """The row of the local cluster; its jobs are run by ``local_cluster``."""
    settings.COMPUTE_ROOT, settings.ALLOW_CLUSTERS_WITHOUT_ISOLATION = tmp_path, True
    with service():
        return Cluster.objects.create(
            name="Here", slug="cluster", kind="local", region=paris, isolation="none"
        )
