"""An own PostgreSQL and Valkey, and the programs a measurement needs beside them: nothing else runs.

Made of the parts that ``manage.py up`` is made of, with the same settings, in a folder of its own.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from portal import environment, processes, state
from portal.environment import ROOT
from portal.management.commands.up import start_storage, stop
from portal.programs import Program
from portal.supervisor import Child, StateLock, Supervisor

PATIENCE = 60.0
#: What would lead the programs to somebody else's servers.
REPLACED = ("DATABASE_URL", "DATABASE_ADMIN_URL", "DATABASE_SERVICE_URL", "REDIS_URL", "ENGINE_URL")


class Stack:
    """Servers in a folder: a temporary one, or one that is kept for the next run."""

    def __init__(self, folder: Path | None = None) -> None:
        self.is_kept = folder is not None
        self.state = (folder or Path(tempfile.mkdtemp(prefix="tessera-bench-"))).resolve()
        for name in REPLACED:
            os.environ.pop(name, None)
        os.environ.update(TESSERA_STATE=str(self.state), PORT=str(free_ports()), DEMO="false")
        state.prepare(self.state)
        self._lock = StateLock(self.state)
        self.env = environment.read(os.environ)
        logs = self.state / "logs"
        logs.mkdir(exist_ok=True)
        self._supervisor = Supervisor(logs, sys.stderr)

    def __enter__(self) -> "Stack":
        try:
            start_storage(self.env, self._supervisor)
            self.run("manage.py", "prepare_database", "--verbosity", "0")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every program; a temporary folder goes with them."""
        stop(self._supervisor)
        self._lock.file.close()
        if not self.is_kept:
            shutil.rmtree(self.state, ignore_errors=True)

    def start(
        self, program: Program, is_ready: Callable[[], bool], seconds: float = PATIENCE
    ) -> Child:
        """Start one more program and wait until it serves."""
        child = self._supervisor.start(program)
        self._supervisor.wait(is_ready, seconds=seconds)
        return child

    def gateway(self, **variables: str) -> Child:
        """Start the gateway as production runs it, with these variables."""
        port, program = self.env.gateway_port, processes.gateway(self.env)
        program = replace(program, variables={**program.variables, **variables})
        return self.start(program, lambda: processes.listens(port))

    def end(self, child: Child) -> None:
        """End one program for good; it is not started again."""
        self._supervisor.children.remove(child)
        child.ask_to_stop()
        while not child.has_stopped():
            time.sleep(0.05)

    def engine(self) -> Child:
        """Start the demo engine."""
        port = self.env.engine_port
        return self.start(processes.demo_engine(self.env), lambda: processes.listens(port))

    def storage(self, name: str) -> int:
        """Return the process of ``postgres`` or ``valkey``."""
        children = self._supervisor.children
        return next(child.pid for child in children if child.program.name == name and child.pid)

    def run(self, *arguments: str, given: Any = None) -> bytes:
        """Run a Python program of ours to its end, hand it a value and return what it prints."""
        return subprocess.run(  # noqa: S603 - our own programs
            [sys.executable, *arguments],
            cwd=ROOT,
            input=msgspec.json.encode(given),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    @contextmanager
    def aside(self, module: str, given: Any) -> Iterator[Callable[[], bytes]]:
        """Run a module beside what follows; the value waits for its end and returns its output."""
        command = [sys.executable, "-m", module]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as process:  # noqa: S603
            try:
                if process.stdin:
                    process.stdin.write(msgspec.json.encode(given))
                    process.stdin.close()
                    process.stdin = None
                yield lambda: process.communicate()[0]
            finally:
                process.kill()

    def ask(self, module: str, given: Any = None) -> Any:
        """Run a module of ours that takes one JSON value and prints another."""
        return msgspec.json.decode(self.run("-m", module, given=given))


def free_ports() -> int:
    """Return a port with the three above it free.

    It lies below those that the kernel gives to outgoing connections, which would take it meanwhile.
    """
    while True:
        first = random.randrange(20_000, 30_000, 4)  # noqa: S311 - keeps no secret
        if not any(map(processes.listens, range(first, first + 4))):
            return first
