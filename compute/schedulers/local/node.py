"""The machine of the local cluster: starts jobs, watches over them, ends them.

It may be killed at any moment. Its jobs live on, the next node finds them by their locks, and none
is ever started twice. Asked to end (SIGTERM), it ends its jobs too and says that the node failed.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from compute.scheduler import SERVES, Outcome, outcome_of
from compute.schedulers.local import folder
from compute.schedulers.local.folder import JobFolder, now

HOUSE = Path(__file__).resolve().parents[3]
TICK = 0.1
GRACE = timedelta(seconds=10)
#: What is left for the jobs when the node itself must go.
LAST_GRACE = 1.5
#: How long an ended job is remembered.
MEMORY = timedelta(days=7)

#: Writes down who it is, runs the job, writes down how that ended. TERM reaches the whole group:
#: the job decides what to do, the shell waits for it.
SHELL = """
trap : TERM
echo $$ > .pid && mv .pid pid
(cd work && exec "$@") >> log 2>&1
echo $? > .code && mv .code code
"""
WHY: dict[str, tuple[Outcome, str]] = {
    "cancelled": (Outcome.CANCELLED, "It was cancelled."),
    "timeout": (Outcome.TIMEOUT, "It ran longer than its time limit."),
    "node": (Outcome.NODE_FAILED, "The local cluster was stopped."),
}


def is_running(root: Path) -> bool:
    """Whether a node runs the jobs of this folder."""
    lock = Lock(root)
    if lock.take():
        lock.release()
        return False
    return True


class Lock:
    """One node per folder; the kernel lets go of it however the node ends."""

    def __init__(self, root: Path) -> None:
        self._file = (root / ".node").open("a")

    def take(self) -> bool:
        """Return whether the folder is ours now; asking who runs takes it for an instant too."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go."""
        self._file.close()


class Node:
    """Runs the jobs of one folder, oldest first, so many at a time."""

    def __init__(self, root: Path, *, places: int = 2, grace: timedelta = GRACE) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root
        self._places = places
        self._grace = grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = False

    def run(self) -> None:
        """Work until told to stop."""
        while not self.stopping:
            self.tick()
            time.sleep(TICK)
        self.stop()

    def tick(self) -> None:
        """Look at every job once."""
        self._reap()
        free = self._places
        open_jobs = [job for job in folder.every(self._root) if not self._is_over(job)]
        for job in sorted(open_jobs, key=lambda job: job.handle.submitted_at):
            # What serves runs beside the jobs: it does not end, and would block them for ever.
            takes = 0 if job.name.startswith(SERVES) else 1
            if job.is_alive():
                self._watch(job)
                free -= takes
            elif job.started_at:
                self._conclude(job)
            elif job.read("cancel.json"):
                job.end(*WHY["cancelled"])
            elif free >= takes:
                self._start(job)
                free -= takes

    def stop(self) -> None:
        """End every job: asked first, killed after a moment."""
        living = [job for job in folder.every(self._root) if job.is_alive()]
        for job in living:
            self._ask(job, "node")
        deadline = time.monotonic() + LAST_GRACE
        while time.monotonic() < deadline and any(job.is_alive() for job in living):
            time.sleep(0.02)
        for job in living:
            _signal(job, signal.SIGKILL)
            while job.is_alive():
                time.sleep(0.02)
            self._conclude(job)
        self._reap()

    def _is_over(self, job: JobFolder) -> bool:
        ended = job.read("ended.json")
        if ended and datetime.fromisoformat(ended["ended_at"]) < now() - MEMORY:
            shutil.rmtree(job.path, ignore_errors=True)
        return ended is not None

    def _start(self, job: JobFolder) -> None:
        lock = job.lock()
        if lock is None:
            return
        spec = job.spec
        try:
            # The lock is inherited by all that the job starts, and ours is closed.
            self._children[job.name] = subprocess.Popen(  # noqa: S603 - our own recipes
                ["/bin/sh", "-c", SHELL, "job", *spec.command],
                cwd=job.path,
                env=_environment(job, spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(lock,),
                start_new_session=True,
            )
        finally:
            os.close(lock)

    def _watch(self, job: JobFolder) -> None:
        if job.started_at is None:
            # Its shell has not yet said whom to signal.
            return
        stopping = job.read("stopping.json")
        wish = job.read("cancel.json")
        if stopping is None:
            if wish:
                self._ask(job, "cancelled")
            elif now() - job.started_at > timedelta(seconds=job.spec.time_limit):
                self._ask(job, "timeout")
        elif (wish or {}).get("force") or self._is_impatient(stopping):
            _signal(job, signal.SIGKILL)

    def _is_impatient(self, stopping: dict[str, Any]) -> bool:
        return now() - datetime.fromisoformat(stopping["since"]) > self._grace

    def _ask(self, job: JobFolder, why: str) -> None:
        job.write("stopping.json", {"why": why, "since": now().isoformat()})
        _signal(job, signal.SIGTERM)

    def _conclude(self, job: JobFolder) -> None:
        code = job.number("code")
        stopping = job.read("stopping.json")
        if code == 0:
            job.end(Outcome.SUCCEEDED, "", 0)
        elif stopping:
            job.end(*WHY[stopping["why"]], code)
        elif code is None:
            job.end(Outcome.NODE_FAILED, "Its processes vanished without an exit code.")
        else:
            job.end(outcome_of(code), f"It ended with exit code {code}.", code)

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[name]


def _environment(job: JobFolder, given: Any) -> dict[str, str]:
    """Return the job's environment: its own, a home, and where programs are; no secret of ours."""
    # Our own Python and our own modules come first, whoever started us.
    programs = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    own = {"LANG": "C.UTF-8", "PATH": programs, "PYTHONPATH": str(HOUSE)}
    return {**own, "HOME": str(job.path / "work"), **given}


def _signal(job: JobFolder, number: signal.Signals) -> None:
    group = job.number("pid")
    if group is not None and job.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
