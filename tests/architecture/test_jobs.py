"""Bells are rung after the work is done; one that cannot be rung undoes nothing."""

import pytest
from celery import Celery, current_app

from common import jobs
from common.database import atomic, service


@pytest.fixture
def deaf():
    """A Celery whose broker is not there."""
    before = current_app._get_current_object()
    app = Celery("deaf", broker="redis://127.0.0.1:9/0", set_as_current=True)
    app.conf.broker_transport_options = {"socket_connect_timeout": 0.2}
    app.conf.task_publish_retry = False

    @app.task(name="deaf.task")
    def task():
        raise AssertionError

    yield app
    before.set_current()


def test_an_unknown_bell_fails_at_once(db):
    with pytest.raises(KeyError):
        jobs.enqueue("nobody.listens")


def test_a_bell_that_cannot_be_rung_does_not_fail_what_was_done(db, deaf):
    done = []
    with service(), atomic():
        jobs.enqueue("deaf.task")
        done.append(True)

    assert done == [True]
