"""A PostgreSQL and a Valkey that belong to an operator: over TCP, and with passwords."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from portal.embedded import launch, postgres, valkey
from portal.environment import ROOT
from tests.support import processes

ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"
SECRET_KEY = "a-key-that-all-containers-of-one-installation-share"


@contextlib.contextmanager
def run(folder):
    """Run both and give the variables that lead to them."""
    port = processes.free_port()
    running = [subprocess.Popen(command) for command in (database(folder, port), cache(port + 1))]
    admin = f"host={folder} port={port} user=admin dbname=postgres"
    try:
        assert launch.wait_until(lambda: can_connect(admin), seconds=30)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("ALTER ROLE admin PASSWORD 'sesame'")
            connection.execute("CREATE DATABASE portal")
        yield {
            "DATABASE_URL": f"postgresql://portal_app:open@127.0.0.1:{port}/portal",
            "DATABASE_ADMIN_URL": f"postgresql://admin:sesame@127.0.0.1:{port}/portal",
            "REDIS_URL": f"redis://:sesame@127.0.0.1:{port + 1}/0",
            "SECRET_KEY": SECRET_KEY,
        }
    finally:
        for process in running:
            process.kill()
            process.wait()


def database(folder, port):
    """Make a server that asks for passwords over TCP; return its command."""
    data = folder / "data"
    postgres.initialise(data, "admin")
    rules = data / "pg_hba.conf"
    rules.write_text(rules.read_text().replace("reject", "scram-sha-256"))
    command = postgres.command(data, folder, careless=True)
    return [*command, "-c", "listen_addresses=127.0.0.1", "-p", str(port)]


def cache(port):
    """Return the command of a Valkey that asks for a password."""
    line = [valkey.program(), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    return launch.mortal([*line, "--requirepass", "sesame"])


def can_connect(address):
    """Tell whether the database lets us in."""
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def container(stores, state, *part, **variables):
    """Start one part as a container of the image does, with nothing else in its environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {"PATH": path, "TESSERA_STATE": str(state), "HOME": str(state), **stores, **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(launch.mortal([str(ENTRYPOINT), *part]), env=own, **pipes)


def finish(process):
    """Return exit status and complaints of a container that ends by itself."""
    _output, complaints = process.communicate(timeout=200)
    return process.returncode, complaints


def migrate(stores, state):
    """Bring the database to where the code needs it."""
    assert finish(container(stores, state, "migrate")) == (0, "")
