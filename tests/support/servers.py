"""The PostgreSQL and Valkey of one test run, in a temporary folder.

The process that starts the run starts PostgreSQL; workers of pytest-xdist find it by a variable.
Each worker has a database of its own, copied from one that was migrated once. Each has a Valkey of
its own too: tests flush it, pause it and hang up on all its clients, which would hit a neighbour.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from portal.embedded import launch, postgres, valkey
from portal.environment import APP_ROLE, OWNER_ROLE, ROOT, SERVICE_ROLE
from portal.variables import Database
from tests.support import processes

FOLDER = "TESSERA_TEST_FOLDER"
TEMPLATE = "tessera_template"
RESET = Path(__file__).with_name("reset.sql")

_servers: list[subprocess.Popen[bytes]] = []


def folder() -> Path:
    """Return the run's folder; the first process to ask makes it."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="tessera-tests-")
        atexit.register(stop)
    return Path(os.environ[FOLDER])


def is_worker() -> bool:
    """Tell whether this process is one of several that share the servers."""
    return "PYTEST_XDIST_WORKER" in os.environ


def number() -> int:
    """Return this worker's number: gw3 is 4, and a run without workers is 0."""
    return processes.worker_number()


def database(role: str, name: str = "") -> Database:
    """Return the way into this worker's database as one of the three roles."""
    name = name or f"tessera_test_{number()}"
    return Database(name=name, user=role, password="", host=str(folder()), port="5432")


def environment(name: str = "") -> dict[str, str]:
    """Return the variables that point a process at the test servers."""
    return {
        "TESSERA_STATE": str(folder() / f"state-{number()}"),
        "DATABASE_URL": database(APP_ROLE, name).url(),
        "DATABASE_SERVICE_URL": database(SERVICE_ROLE, name).url(),
        "DATABASE_ADMIN_URL": database(OWNER_ROLE, name).url(),
        "REDIS_URL": f"unix://{_valkey_socket()}?db={number()}",
        "DEMO": "false",
        "CONFORMANCE_NEEDED": "false",
        "EVALUATION_NEEDED": "false",
        "PRICE_NOTICE_DAYS": "0",
    }


def start() -> None:
    """Start PostgreSQL and migrate the template; ends with this process, however it ends."""
    data, owner = folder() / "data", database(OWNER_ROLE)
    postgres.initialise(data, OWNER_ROLE)
    spawn("postgres", postgres.command(data, folder(), careless=True))
    launch.wait_until(lambda: postgres.answers(owner), seconds=30)
    prepare = [sys.executable, "manage.py", "prepare_database", "--verbosity", "0"]
    postgres.create_database(database(OWNER_ROLE, TEMPLATE))
    subprocess.run(prepare, cwd=ROOT, env={**os.environ, **environment(TEMPLATE)}, check=True)
    run_sql(TEMPLATE, RESET.read_text("utf-8"))


def start_valkey() -> None:
    """Start this worker's Valkey; ends with this process, however it ends."""
    spawn(f"valkey-{number()}", valkey.command(_valkey_socket(), folder()))
    launch.wait_until(lambda: valkey.answers(environment()["REDIS_URL"]), seconds=30)


def _valkey_socket() -> Path:
    return folder() / f"valkey-{number()}.sock"


def spawn(name: str, command: list[str]) -> None:
    """Start a server whose output stands in the run's folder."""
    with (folder() / f"{name}.log").open("wb") as log:
        _servers.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))


def run_sql(name: str, text: str) -> None:
    """Run statements as the owner; through psql, because they are many at once."""
    psql = [postgres.program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-h", str(folder())]
    subprocess.run([*psql, "-U", OWNER_ROLE, name], input=text, text=True, check=True)


def copy_template() -> None:
    """Make this worker's database."""
    postgres.create_database(database(OWNER_ROLE), template=TEMPLATE)


def stop() -> None:
    """End the servers and remove all they wrote; runs once, at the end of the process."""
    for server in _servers:
        server.kill()
        server.wait()
    shutil.rmtree(folder(), ignore_errors=True)


def owner_keywords() -> dict[str, str]:
    """Return the owner's way in for a connection outside Django."""
    return database(OWNER_ROLE).keywords()
