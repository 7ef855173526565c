"""The local cluster as its users see it: folders of jobs that a node runs (see ``node``)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from compute.scheduler import JobHandle, JobSpec, JobStatus, LogPage, Phase, Rejected, Unreachable
from compute.schedulers.local import folder, node
from compute.schedulers.local.folder import JobFolder

LARGEST_PAGE = 65_536
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
        return "" if node.is_running(self._root) else NOT_RUNNING

    def submit(self, spec: JobSpec) -> JobHandle:
        """Queue the job; the same spec again returns the first handle, another raises Rejected."""
        folder.create(self._root, spec)
        found = JobFolder(self._root / spec.name)
        if found.spec.fingerprint() != spec.fingerprint():
            raise Rejected(f"Another job is called {spec.name}.")
        return found.handle

    def find(self, name: str) -> JobHandle | None:
        """Return the job of this name; None only when there provably is none."""
        found = JobFolder(self._root / name)
        return found.handle if found.exists else None

    def status(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, JobStatus]:
        """Return where each job stands, in one question; one it does not know is ABSENT."""
        waiting = "Waiting for a free place." if node.is_running(self._root) else NOT_RUNNING
        found = {}
        for handle in handles:
            status = JobFolder(self._root / handle.name).status()
            pending = status.phase == Phase.PENDING
            found[handle] = replace(status, reason=waiting) if pending else status
        return found

    def cancel(self, handle: JobHandle, *, force: bool = False) -> None:
        """Ask the job to end, forced without grace; returns at once, and may be repeated."""
        job = JobFolder(self._root / handle.name)
        if job.exists and not (job.read("cancel.json") or {}).get("force"):
            job.write("cancel.json", {"force": force})

    def logs(self, handle: JobHandle, offset: int = 0) -> LogPage:
        """Return what the job wrote from there on."""
        try:
            with (self._root / handle.name / "log").open("rb") as log:
                log.seek(offset)
                data = log.read(LARGEST_PAGE)
        except FileNotFoundError:
            data = b""
        return LogPage(data, offset + len(data))

    def list(self, prefix: str) -> Iterator[JobHandle]:
        """Yield every job it still knows whose name begins so."""
        for job in folder.every(self._root):
            if job.name.startswith(prefix):
                yield job.handle
