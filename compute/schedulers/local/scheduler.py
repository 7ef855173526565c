"""The local cluster as its users see it: folders of jobs that a node runs (see ``node``)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compute.scheduler import (
    JobHandle,
    JobSpec,
    JobStatus,
    LogPage,
    Phase,
    Rejected,
    Run,
    Unreachable,
)
from compute.schedulers.local import folder, node
from compute.schedulers.local.folder import JobFolder

LARGEST_PAGE = 65_536
GONE = "The folder {} is not there."
NOT_RUNNING = "The local cluster is not running."


class LocalScheduler:
    """Queues jobs in a folder of this machine. It is not a wall between tenants."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(f"{root} cannot be used: {error.strerror}") from error

    def check(self) -> str:
        """Return what is wrong with the cluster, in words; empty when nothing is."""
        if not self._root.is_dir():
            return GONE.format(self._root)
        return "" if node.is_running(self._root) else NOT_RUNNING

    def render(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return what the cluster would be told, for operators to read; asks nobody."""
        return {"folder": str(self._root / spec.name), "spec": spec.facts()}

    def submit(self, spec: JobSpec) -> JobHandle:
        """Queue the job; the same spec again returns the first handle, another raises Rejected."""
        self._reach()
        folder.create(self._root, spec)
        found = self._job(spec.name)
        if found.spec.fingerprint() != spec.fingerprint():
            raise Rejected(f"Another job is called {spec.name}.")
        return found.handle

    def find(self, name: str) -> JobHandle | None:
        """Return the job of this name; None only when there provably is none."""
        found = self._job(name)
        return found.handle if found.exists else None

    def status(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, JobStatus]:
        """Return where each job stands, in one question; one it does not know is ABSENT."""
        self._reach()
        waiting = "Waiting for a free place." if node.is_running(self._root) else NOT_RUNNING
        found = {}
        for handle in handles:
            status = JobFolder(self._root / handle.name).status()
            pending = status.phase == Phase.PENDING
            found[handle] = replace(status, reason=waiting) if pending else status
        return found

    def cancel(self, handle: JobHandle, *, force: bool = False) -> None:
        """Ask the job to end, forced without grace; returns at once, and may be repeated."""
        job = self._job(handle.name)
        if job.exists and not (job.read("cancel.json") or {}).get("force"):
            job.write("cancel.json", {"force": force})

    def usage(self, handle: JobHandle) -> Sequence[Run]:
        """Return every time that the ended job ran; nothing where it never did, or is forgotten."""
        job = self._job(handle.name)
        if not job.exists:
            return []
        status, spec = job.status(), job.spec
        if status.started_at is None or status.ended_at is None:
            return []
        return [Run(status.started_at, status.ended_at, spec.cpus, spec.gpus)]

    def logs(self, handle: JobHandle, offset: int = 0) -> LogPage:
        """Return what the job wrote from there on, a page at a time."""
        self._reach()
        try:
            with (self._root / handle.name / "log").open("rb") as log:
                log.seek(offset)
                data = log.read(LARGEST_PAGE)
        except FileNotFoundError:
            data = b""
        return LogPage(data, offset + len(data))

    def list(self, prefix: str) -> Iterator[JobHandle]:
        """Yield every job it still knows whose name begins so."""
        self._reach()
        for job in folder.every(self._root):
            if job.name.startswith(prefix):
                yield job.handle

    def _job(self, name: str) -> JobFolder:
        self._reach()
        return JobFolder(self._root / name)

    def _reach(self) -> None:
        """Refuse to say of a disk that is gone that there are no jobs on it."""
        if not self._root.is_dir():
            raise Unreachable(GONE.format(self._root))
