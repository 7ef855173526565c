"""Fixtures of the real servers, of time, and of how tasks run."""

import os

import psycopg
import pytest
import redis
import time_machine
from django.conf import settings
from django.utils import translation

from front import announced, face, legal, remembered, status
from portal.celery import app
from tests.support import network, servers


@pytest.fixture(scope="session", autouse=True)
def quick_settings(django_test_environment):
    """Tasks run on the spot and passwords hash quickly."""
    settings.PASSWORD_HASHERS = ["tests.support.hashers.QuickArgon2"]
    app.conf.task_always_eager = True
    app.conf.task_eager_propagates = True


@pytest.fixture(autouse=True)
def _marks(request):
    app.conf.task_always_eager = request.node.get_closest_marker("celery_for_real") is None
    network.set_open(request.node.get_closest_marker("open_network") is not None)


@pytest.fixture(autouse=True)
def _nobodys_language():
    """Leave no test in the language in which the last page was answered."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True, scope="session")
def _slowly_forgotten():
    """Let no count of queries depend on how slow the machine is."""
    remembered.SECONDS = 3600.0


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Let no test see what another published: processes remember it for some seconds."""
    face.live.clear()
    legal.in_force.clear()
    status.board.clear()
    announced.running.clear()


@pytest.fixture(scope="session")
def owner_connection():
    """A connection as the owner, outside Django."""
    with psycopg.connect(**servers.database(servers.OWNER_ROLE).keywords(), autocommit=True) as it:
        yield it


@pytest.fixture(scope="session")
def valkey_connection():
    """The real Valkey: the database that is this worker's."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture
def valkey(valkey_connection):
    """The real Valkey, empty again afterwards."""
    yield valkey_connection
    valkey_connection.flushdb()


@pytest.fixture
def db(django_db_blocker, owner_connection, valkey):
    """The real database, committed to for real; its rows are gone after the test."""
    with django_db_blocker.unblock():
        yield
    owner_connection.execute("SELECT seeded.reset()")


@pytest.fixture
def transactional_db(db):
    """The same: every test's transactions are real."""


@pytest.fixture
def clock():
    """Time stands still at noon of 15 March 2026 until the test moves it (PostgreSQL's goes on)."""
    with time_machine.travel("2026-03-15T12:00:00Z", tick=False) as traveller:
        yield traveller
