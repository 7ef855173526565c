"""Children come back when they die, and none outlives the supervisor."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest

from portal.embedded.launch import mortal, wait_until
from portal.programs import Echo, Program
from portal.supervisor import ChildFailed, StateLock, Supervisor
from portal.variables import ConfigurationError
from tests.support import processes

PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("WARNING: ready", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""
WORKER = """
import sys
from pathlib import Path
from portal import processes
from portal.programs import Program
from portal.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), sys.stderr)
command = processes.worker().command
hangs = [*command[: command.index("--") + 1], sys.executable, "-c", sys.argv[2]]
worker = supervisor.start(Program("worker", hangs))
supervisor.wait(lambda: "deaf" in worker.last_lines(), seconds=10)
print("started", flush=True)
supervisor.run()
"""
SUPERVISOR = """
import sys
from pathlib import Path
from portal.embedded.launch import mortal
from portal.programs import Program
from portal.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), sys.stdout)
supervisor.start(Program("sleeper", mortal([sys.executable, "-c", "import time; time.sleep(60)"])))
print("started", flush=True)
supervisor.run()
"""


@pytest.fixture
def supervisor(tmp_path, monkeypatch):
    """A supervisor whose children can be told apart by their state folder."""
    monkeypatch.setenv("TESSERA_STATE", str(tmp_path))
    supervisor = Supervisor(tmp_path, io.StringIO())
    yield supervisor
    supervisor.stop(supervisor.children)


def python(text):
    return Program("child", mortal([sys.executable, "-c", text]))


def said(child, word):
    return lambda: word in child.last_lines()


def test_a_killed_child_comes_back(supervisor, tmp_path):
    child = supervisor.start(python(PARENT))
    supervisor.wait(said(child, "ready"), seconds=10)
    first = child.pid

    os.kill(first, signal.SIGKILL)
    supervisor.wait(lambda: child.pid not in (None, first), seconds=10)

    assert first not in processes.of_state(tmp_path)
    assert child.pid in processes.of_state(tmp_path)


def test_what_a_killed_child_had_started_dies_with_it(supervisor, tmp_path):
    child = supervisor.start(python(PARENT))
    supervisor.wait(lambda: len(processes.of_state(tmp_path)) == 2, seconds=10)
    before = processes.of_state(tmp_path)

    os.kill(child.pid, signal.SIGKILL)
    supervisor.wait(lambda: len(processes.of_state(tmp_path)) == 2 and child.failures, seconds=10)

    assert not set(before) & set(processes.of_state(tmp_path))


def test_stopping_ends_grandchildren_and_the_deaf(supervisor, tmp_path):
    parent = supervisor.start(python(PARENT))
    deaf = supervisor.start(python(STUBBORN))
    supervisor.wait(said(parent, "ready"), seconds=10)
    supervisor.wait(said(deaf, "deaf"), seconds=10)
    started = time.monotonic()

    supervisor.stop(supervisor.children)

    assert processes.of_state(tmp_path) == []
    assert time.monotonic() - started < 4


def test_a_killed_supervisor_leaves_no_orphan(tmp_path):
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    variables = {**os.environ, "TESSERA_STATE": str(tmp_path)}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"started\n"
        wait_until(lambda: len(processes.of_state(tmp_path)) == 2, seconds=10)

        process.kill()

    assert wait_until(lambda: processes.of_state(tmp_path) == [], seconds=5)


def test_a_killed_supervisor_leaves_no_worker_that_hangs(tmp_path):
    # A worker that ends itself waits for a Valkey that has died with the supervisor: for ever.
    command = [sys.executable, "-c", WORKER, str(tmp_path), STUBBORN]
    variables = {**os.environ, "TESSERA_STATE": str(tmp_path)}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"started\n"

        process.kill()

    gone = wait_until(lambda: processes.of_state(tmp_path) == [], seconds=5)
    for left in processes.of_state(tmp_path):
        os.kill(left, signal.SIGKILL)
    assert gone


def test_a_child_that_cannot_start_ends_the_wait(supervisor, tmp_path):
    supervisor.start(python("raise SystemExit(7)"))

    with pytest.raises(ChildFailed, match=r"child ends again and again; .*child\.log"):
        supervisor.wait(lambda: False, seconds=30)


def test_warnings_and_whole_tracebacks_reach_the_console(tmp_path):
    console = io.StringIO()
    lines = [
        "INFO: quiet",
        '{"level": "warning", "event": "loud"}',
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "ValueError: loud too",
        "quiet again",
    ]
    with (tmp_path / "log").open("wb") as log:
        echo = Echo(python(""), log, console, verbose=False)
        for line in lines:
            echo.write(line.encode() + b"\n")

    shown = [line.split("│ ")[1] for line in console.getvalue().splitlines()]
    assert shown == lines[1:5]
    assert (tmp_path / "log").read_text().splitlines() == lines


def test_a_state_folder_has_one_supervisor(tmp_path):
    first = StateLock(tmp_path)

    with pytest.raises(ConfigurationError, match=f"already runs \\(process {os.getpid()}\\)"):
        StateLock(tmp_path)
    first.file.close()

    StateLock(tmp_path).file.close()
