"""What a worker tells Prometheus of its tasks, its queues and beat."""

import os
import subprocess
import sys
import time

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from portal.celery import app
from portal.environment import ROOT
from tests.gateway.conftest import wait_for
from tests.support import processes

TOKEN = "scrape-secret"
SCRAPER = {"authorization": f"Bearer {TOKEN}"}
pytestmark = pytest.mark.celery_for_real


@pytest.fixture
def start(db):
    """Start Celery's programs; they end with the test."""
    started = []

    def start(*arguments, **variables):
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "portal", *arguments]
        celery += ["--loglevel", "WARNING"]
        started.append(subprocess.Popen(celery, cwd=ROOT, env=os.environ | variables))

    app.control.purge()
    yield start
    for each in started:
        each.kill()
        each.wait()
    app.control.purge()


@pytest.fixture
def port():
    """Where the worker is asked."""
    return processes.free_port()


@pytest.fixture
def worker(start, port):
    """A worker with one child that tells its counts."""
    place = {"METRICS_ADDRESS": f"127.0.0.1:{port}", "METRICS_TOKEN": TOKEN}
    start("worker", "--concurrency", "1", "--without-gossip", "--without-mingle", **place)
    wait_for(lambda: scrape(port), seconds=40)
    return port


def scrape(port):
    """Return the samples by name and labels, these in their names' order; none while nobody answers."""
    try:
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=SCRAPER, timeout=10)
    except httpx.TransportError:
        return {}
    return {
        (sample.name, *(label for _name, label in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def test_tasks_are_counted_by_name_and_outcome(worker):
    app.tasks["billing.close_ledger_days"].delay()
    app.tasks["billing.close_ledger_days"].delay()
    app.tasks["gateway.advance_batch"].apply_async(["none", "none"], queue="tessera")
    outcomes = ("done", "billing.close_ledger_days"), ("failed", "gateway.advance_batch")

    def counted():
        found = scrape(worker)
        counts = [found.get(("tessera_tasks_total", *outcome)) for outcome in outcomes]
        return found if counts == [2, 1] else None

    found = wait_for(counted, seconds=20)
    assert found["tessera_task_seconds_count", "billing.close_ledger_days"] == 2
    assert 0 < found["tessera_task_seconds_sum", "billing.close_ledger_days"] < 20
    assert found["tessera_task_seconds_bucket", "+Inf", "billing.close_ledger_days"] == 2
    assert found["tessera_queue_messages", "tessera"] == 0


def test_what_waits_is_told_with_its_age(worker):
    app.tasks["gateway.advance_batch"].delay("none", "none")
    sent = time.time()

    found = wait_for(
        lambda: found if (found := scrape(worker))["tessera_queue_messages", "batches"] else None
    )

    age = found["tessera_queue_oldest_seconds", "batches"]
    assert 0 < age <= time.time() - sent + 1
    assert found["tessera_queue_oldest_seconds", "tessera"] == 0


def test_the_last_run_of_beat_is_told(worker, start, tmp_path):
    began = time.time()
    start("beat", "--pidfile=", "--schedule", str(tmp_path / "beat"))

    name = ("tessera_beat_last_run_timestamp_seconds", "compute.sweep")
    at = wait_for(lambda: scrape(worker).get(name), seconds=40)

    assert began - 1 <= at <= time.time()


def test_counts_are_for_who_has_the_token(worker):
    answer = httpx.get(f"http://127.0.0.1:{worker}/metrics")

    assert answer.status_code == 404
    assert httpx.get(f"http://127.0.0.1:{worker}/", headers=SCRAPER).status_code == 404
