"""Start child processes, keep them running, and leave none of them behind."""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from portal.programs import Echo, Program
from portal.variables import ConfigurationError

GRACE = 2.5
LARGEST_LOG = 10_000_000
LONGEST_PAUSE = 30.0
# A child that ran this long is trusted again: its next end starts the pauses from the beginning.
STEADY = 60.0
# So many ends during the start, and waiting longer is no use.
HOPELESS = 4


class ChildFailed(Exception):
    """A part does not come up."""

    def __init__(self, name: str, problem: str, log: Path) -> None:
        super().__init__(f"{name} {problem}; what it said stands in {log}.")


class StateLock:
    """Holds a state folder for one supervisor; the kernel lets go of it however we end."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.file = (state / "lock").open("a+")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.seek(0)
            holder = self.file.read().strip() or "unknown"
            self.file.close()
            raise ConfigurationError(
                f"TESSERA_STATE is {str(state)!r}, on which Tessera already runs (process "
                f"{holder}); accepted: another folder, or stop that one first."
            ) from None
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()


class Child:
    """One program, started again whenever it ends before it is asked to."""

    def __init__(self, program: Program, logs: Path, console: TextIO, *, verbose: bool) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.console = console
        self.verbose = verbose
        self.process: subprocess.Popen[bytes] | None = None
        self.echo: Echo | None = None
        self.started = 0.0
        self.failures = 0
        self.again_at = 0.0

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches us alone.

        Only ever called from the main thread: the kernel's death signal is tied to the thread
        that started the child.
        """
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.program.variables},
            start_new_session=True,
        )
        self.started = time.monotonic()
        self.echo = Echo(self.program, self.log.open("ab"), self.console, verbose=self.verbose)
        threading.Thread(target=self.echo.follow, args=[self.process.stdout], daemon=True).start()

    @property
    def pid(self) -> int | None:
        """The running process, None when there is none."""
        return self.process.pid if self.process else None

    def tend(self) -> None:
        """Start the child again when it has ended, after a pause that grows with each failure."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.again_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.kill()
        self.failures = 1 if now - self.started > STEADY else self.failures + 1
        pause = min(LONGEST_PAUSE, 0.2 * 2 ** (self.failures - 1))
        self.again_at = now + pause
        self.process = None
        print(
            f"{self.program.name:>9} │ ended ({code}), starts again in {pause:.1f} s",
            file=self.console,
            flush=True,
        )

    def ask_to_stop(self) -> None:
        """Ask the child to end by itself."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)

    def has_stopped(self) -> bool:
        """Tell whether the child itself has ended."""
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """End whatever is left of the child and of all it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_lines(self) -> str:
        """Return what it said last."""
        return "\n".join(self.echo.last) if self.echo else ""


class Supervisor:
    """Runs children until it is told to stop; always from the main thread."""

    def __init__(self, logs: Path, console: TextIO, *, verbose: bool = False) -> None:
        self.logs = logs
        self.console = console
        self.verbose = verbose
        self.children: list[Child] = []
        self.stopping = False

    def listen(self) -> None:
        """Let SIGINT, SIGTERM and SIGHUP end the run."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.request_stop)

    def request_stop(self, *_: object) -> None:
        """Ask for the end; safe inside a signal handler."""
        self.stopping = True

    def start(self, program: Program) -> Child:
        """Start one more child; children stop in the reverse of this order, by group."""
        child = Child(program, self.logs, self.console, verbose=self.verbose)
        child.start()
        self.children.append(child)
        return child

    def wait(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Tend the children until the condition holds; False when the end was asked for.

        Raises ChildFailed when one of them ends again and again, or when the time is over.
        """
        deadline = time.monotonic() + seconds
        while not self.stopping:
            self.tend()
            if condition():
                return True
            for child in self.children:
                if child.failures >= HOPELESS:
                    raise ChildFailed(child.program.name, "ends again and again", child.log)
            if time.monotonic() > deadline:
                raise ChildFailed("start", f"takes longer than {seconds:.0f} s", self.logs)
            time.sleep(0.1)
        return False

    def run(self) -> None:
        """Tend the children until the end is asked for."""
        while not self.stopping:
            self.tend()
            time.sleep(0.1)

    def tend(self) -> None:
        """Start again whatever has ended."""
        for child in self.children:
            child.tend()

    def stop(self, *groups: list[Child]) -> None:
        """End the groups one after the other, each asked first and killed after a grace."""
        for group in groups:
            for child in group:
                child.ask_to_stop()
            deadline = time.monotonic() + GRACE
            while time.monotonic() < deadline and not all(c.has_stopped() for c in group):
                time.sleep(0.02)
            for child in group:
                child.kill()
