"""The entrypoint of the image, run by hand: every part starts, lives, and says why it does not."""

import signal

import pytest

from portal.embedded import launch
from portal.processes import listens
from tests.support import operator_stores, processes
from tests.support.operator_stores import container, finish

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("up")]

PARTS = ["web", "gateway", "worker", "batches", "beat"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The variables of a migrated PostgreSQL and a Valkey."""
    with operator_stores.run(tmp_path_factory.mktemp("stores")) as variables:
        operator_stores.migrate(variables, tmp_path_factory.mktemp("state"))
        yield variables


def test_a_database_may_be_migrated_again(stores, tmp_path):
    operator_stores.migrate(stores, tmp_path)


def test_all_parts_live_beside_each_other_and_end_when_asked(stores, tmp_path):
    port = processes.free_port()
    ports = {"PORT": str(port), "GATEWAY_PORT": str(port + 1)}
    running = {part: container(stores, tmp_path / part, part, **ports) for part in PARTS}

    def is_healthy(each):
        return listens(each) and finish(container(stores, tmp_path, "healthy", str(each)))[0] == 0

    healthy = launch.wait_until(lambda: is_healthy(port) and is_healthy(port + 1), seconds=90)
    ended = {part: process.poll() for part, process in running.items()}
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    statuses = {part: finish(process)[0] for part, process in running.items()}

    assert healthy
    assert ended == dict.fromkeys(PARTS)
    # uvicorn ends by the signal it was sent.
    assert set(statuses.values()) <= {0, -signal.SIGTERM}


def test_a_part_that_does_not_answer_is_not_healthy(stores, tmp_path):
    port = processes.free_port()

    status, complaint = finish(container(stores, tmp_path, "healthy", str(port)))

    assert (status, complaint) == (1, f"/healthz on port {port}: [Errno 111] Connection refused\n")


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "SECRET_KEY"])
def test_a_container_has_no_embedded_parts(stores, tmp_path, name):
    status, complaint = finish(container({**stores, name: ""}, tmp_path, "web"))

    assert status == 2
    assert complaint == (
        f"Tessera cannot start: {name} is missing; a container has no embedded parts.\n"
    )


@pytest.mark.parametrize("part", [*PARTS, "migrate"])
def test_a_wrong_variable_ends_every_part_with_one_sentence(stores, tmp_path, part):
    status, complaint = finish(container(stores, tmp_path, part, EMAIL_URL="mail.example.com"))

    assert status == 2
    assert complaint.startswith("Tessera cannot start: EMAIL_URL starts with 'no scheme'; accepted")
    assert complaint.count("\n") == 1


def test_migrating_without_the_owner_is_refused(stores, tmp_path):
    status, complaint = finish(container({**stores, "DATABASE_ADMIN_URL": ""}, tmp_path, "migrate"))

    assert (status, "DATABASE_ADMIN_URL is missing" in complaint) == (2, True)
