"""The PostgreSQL and Valkey of one test run, in a temporary folder.

The process that starts the run starts PostgreSQL; workers of pytest-xdist find it by a variable.
Migrating takes a minute of a processor, so what came out is kept until a migration changes.
Each worker has a database of its own, copied from one that was migrated once. Each has a Valkey of
its own too: tests flush it, pause it and hang up on all its clients, which would hit a neighbour.
"""

import atexit
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from portal.embedded import launch, postgres, valkey
from portal.environment import APP_ROLE, EMBEDDED_DATABASE, OWNER_ROLE, ROOT, SERVICE_ROLE
from portal.variables import Database
from tests.support import processes

FOLDER = "TESSERA_TEST_FOLDER"
TEMPLATE = "tessera_template"
RESET = Path(__file__).with_name("reset.sql")
#: Where the folder of a migrated PostgreSQL is kept between runs, under what it was made from.
KEPT = ROOT / ".stamps" / "test-databases"
#: What a migrated database is made from: the migrations, and what they ask.
SOURCES = (
    "*/migrations/*.py", "common/*.py", "metering/*.py", "tenants/rls.py", "marketplace/models/prices.py", "portal/embedded/*.py",
    "portal/management/commands/prepare_database.py", "requirements/base.txt", "tests/support/reset.sql",
    "tests/support/servers.py",
)  # fmt: skip
#: So many are kept: a branch beside the other.
MOST_KEPT = 2

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
    """Start a PostgreSQL with a migrated template; ends with this process, however it ends."""
    data, kept = folder() / "data", KEPT / _made_from()
    if kept.exists():
        _copy(kept, data)
        _serve(data)
        return
    postgres.initialise(data, OWNER_ROLE)
    _serve(data)
    prepare = [sys.executable, "manage.py", "prepare_database", "--verbosity", "0"]
    postgres.create_database(database(OWNER_ROLE, TEMPLATE))
    subprocess.run(prepare, cwd=ROOT, env={**os.environ, **environment(TEMPLATE)}, check=True)
    postgres.create_database(database(OWNER_ROLE, EMBEDDED_DATABASE), template=TEMPLATE)
    run_sql(TEMPLATE, RESET.read_text("utf-8"))
    _end_cleanly(data)
    _keep(data, kept)
    _serve(data)


def lend(state: Path) -> None:
    """Give a new state folder the migrated PostgreSQL that is kept, so that its first start is quick."""
    kept = KEPT / _made_from()
    if kept.exists():
        state.mkdir(mode=0o700, parents=True)
        _copy(kept, state / "postgres")


def _serve(data: Path) -> None:
    spawn("postgres", postgres.command(data, folder(), careless=True))
    launch.wait_until(lambda: postgres.answers(database(OWNER_ROLE)), seconds=30)


def _end_cleanly(data: Path) -> None:
    """End PostgreSQL so that its folder is whole without it."""
    os.kill(int((data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0]), signal.SIGINT)
    _servers.pop().wait(timeout=30)


def _made_from() -> str:
    """Return what tells one migrated database from another: its sources, and the partitions' month."""
    digest = hashlib.sha256(f"{datetime.now(UTC):%Y-%m}".encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _keep(data: Path, kept: Path) -> None:
    """Keep a copy; of two runs at once the first one's stays."""
    KEPT.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=KEPT))
    _copy(data, draft / "data")
    try:
        (draft / "data").rename(kept)
    except OSError:
        shutil.rmtree(draft / "data")
    draft.rmdir()
    newest_first = sorted(KEPT.iterdir(), key=lambda path: path.stat().st_ctime, reverse=True)
    for path in newest_first[MOST_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners: PostgreSQL may run as somebody else than the tests."""
    subprocess.run(["cp", "--archive", "--reflink=auto", source, target], check=True)


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
