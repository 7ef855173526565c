"""`manage.py up` for real: it starts, heals, stops without a trace, and finds its data again."""

import os
import signal
import socket

import psycopg
import pytest

from portal import environment
from portal.embedded.launch import wait_until
from tests.support import processes, servers
from tests.support.instance import Instance

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("up")]

CHILDREN = {
    "web": "uvicorn portal.asgi",
    "gateway": "manage.py gateway",
    "worker": "portal worker --concurrency",
    "batches": "portal worker --queues batches",
    "beat": "celery --quiet -A portal beat",
    "stripe": "billing.payments.loopback",
    "engine": "gateway.upstreams.demo",
    "cluster": "compute.schedulers.local",
    "postgres": "pginstall18/bin/postgres",
    "valkey": "valkey-server",
}


@pytest.fixture(scope="module")
def tessera(tmp_path_factory):
    """A running Tessera that the tests of this file share; it must survive each of them."""
    instance = Instance(tmp_path_factory.mktemp("up") / "state")
    try:
        # The first start of all, as newcomers see it: its database is migrated here.
        instance.wait_until_ready(seconds=360)
        yield instance
    finally:
        instance.process.poll() is None and instance.end()


@pytest.fixture
def start(tmp_path):
    """Start a Tessera that the test ends itself."""
    instances = []

    def begin(state=tmp_path / "state", **given):
        instances.append(Instance(state, **given))
        return instances[-1]

    yield begin
    for instance in instances:
        instance.process.poll() is None and instance.end(signal.SIGTERM)


def owner(state):
    """Connect to an instance's database as its owner."""
    env = environment.read({"TESSERA_STATE": str(state)})
    return psycopg.connect(**env.owner.keywords(), autocommit=True)


def test_every_part_runs_and_the_addresses_are_told(tessera):
    missing = [name for name, words in CHILDREN.items() if not tessera.child(words)]

    assert missing == []
    assert tessera.get("/readyz") == 200
    assert f"http://localhost:{tessera.port}/v1" in tessera.first_words
    assert f"http://localhost:{tessera.port + 1}/v1" in tessera.first_words
    assert f"http://localhost:{tessera.port}/mailbox/" in tessera.first_words
    assert str(tessera.state / "demo.json") in tessera.first_words
    assert "Traceback" not in tessera.first_words


def test_the_demo_is_closed_to_other_users(tessera):
    assert (tessera.state / "demo.json").stat().st_mode & 0o777 == 0o600
    assert tessera.state.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", CHILDREN)
def test_a_killed_part_comes_back(tessera, name):
    first = tessera.child(CHILDREN[name])

    os.kill(first, signal.SIGKILL)

    assert wait_until(lambda: tessera.child(CHILDREN[name]) not in (None, first), seconds=40)
    assert wait_until(lambda: tessera.get("/readyz") == 200, seconds=40)


def test_a_second_start_on_the_same_folder_is_refused(tessera, start):
    second = start(tessera.state)

    assert second.process.wait(timeout=30) == 2
    second.reader.join()
    assert second.output == (
        f"Tessera cannot start: TESSERA_STATE is {str(tessera.state)!r}, on which Tessera already "
        f"runs (process {tessera.process.pid}); accepted: another folder, or stop that one first.\n"
    )
    assert tessera.get("/readyz") == 200


def test_a_busy_port_is_told_in_one_sentence(start):
    port = processes.free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        instance = start(port=port)
        status = instance.process.wait(timeout=30)
    instance.reader.join()

    assert status == 2
    assert instance.output == (
        f"Tessera cannot start: PORT is {port}, but port {port + 1} for the gateway is in use; "
        "accepted: a PORT with the three ports above it free.\n"
    )


def test_ctrl_c_leaves_no_process_and_the_next_start_finds_its_data(start, tmp_path):
    servers.lend(tmp_path / "state")
    first = start()
    first.wait_until_ready()
    with owner(first.state) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    demo = (first.state / "demo.json").read_bytes()
    status = first.end()
    left = first.processes()

    second = start()
    second.wait_until_ready()
    with owner(second.state) as connection:
        answer = connection.execute("SELECT answer FROM kept").fetchone()

    assert (status, left) == (0, [])
    assert answer == (42,)
    assert (second.state / "demo.json").read_bytes() == demo
    # On another port, where the demo engine is on another one as well.
    assert second.call("atlas-mini") > 0


def test_a_killed_supervisor_leaves_no_orphan_and_no_damage(start, tmp_path):
    servers.lend(tmp_path / "state")
    first = start()
    first.wait_until_ready()
    first.end(signal.SIGKILL)

    assert wait_until(lambda: first.processes() == [], seconds=10), first.processes()
    second = start(port=first.port)
    second.wait_until_ready()
    assert second.get("/readyz") == 200


WRONG = {
    "REDIS_URL": ("redis://127.0.0.1:{port}", "does not answer PING"),
    "ENGINE_URL": ("http://127.0.0.1:{port}/v1", "does not answer"),
    "EMAIL_URL": ("smtp://127.0.0.1:{port}", "does not lead to a mail server"),
    "DATABASE_URL": ("postgresql://tessera_app:p@127.0.0.1:{port}/x", "DATABASE_ADMIN_URL is mis"),
    "STRIPE_API_KEY": ("pk_test_1", "is no secret key"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_replacement_stops_the_start_with_one_sentence(start, name):
    value, problem = WRONG[name]
    instance = start(**{name: value.format(port=processes.free_port())})

    status = instance.process.wait(timeout=40)

    instance.reader.join()
    assert status == 2
    assert len(instance.lines) == 1
    assert name in instance.output or "DATABASE_ADMIN_URL" in instance.output
    assert problem in instance.output
    assert instance.processes() == []
