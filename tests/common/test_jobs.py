"""A bell that cannot be rung harms nobody: what was asked for is committed."""

import pytest
from celery import current_app
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from common import jobs
from common.database import service


@pytest.mark.parametrize("error", [OperationalError("refused"), AttributeError("client")])
def test_a_broker_that_is_away_is_told_and_not_felt(db, monkeypatch, error):
    def away(**_facts):
        raise error

    # The library's own door to the broker.
    monkeypatch.setattr(current_app.tasks["tenants.sweep_webhooks"], "apply_async", away)

    with capture_logs() as logged, service():
        jobs.enqueue("tenants.sweep_webhooks")

    assert [entry["event"] for entry in logged] == ["bell_not_rung"]


def test_a_task_that_is_tried_again_keeps_its_name():
    seen = []

    @current_app.task(autoretry_for=(OSError,), max_retries=1, default_retry_delay=0)
    def tried():
        seen.append(jobs.running())
        if len(seen) % 2:
            raise OSError

    for _each in range(2):
        tried.apply(throw=False)

    assert len(set(seen[:2])) == len(set(seen[2:])) == 1
    assert len(seen) == 4
    assert all(seen)
    assert seen[0] != seen[2]
    assert jobs.running() == ""
