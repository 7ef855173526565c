"""A job of the local cluster is a folder; who writes which file of it is settled here.

``job.json`` is written by whoever submits and arrives with the folder's name, by one rename: two
submissions of a name cannot both succeed. ``cancel.json`` is a wish. ``pid`` and ``code`` come from
the job's own shell; ``stopping.json`` and ``ended.json`` from the node. Whether the job lives is
told by the kernel: its processes hold ``alive`` locked, so a recycled pid deceives nobody.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compute.scheduler import JobHandle, JobSpec, JobStatus, Outcome, Phase


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class JobFolder:
    """One job on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The job's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether the job was submitted."""
        return (self.path / "job.json").exists()

    def read(self, file: str) -> dict[str, Any] | None:
        """Return one of the files; None when it is not there."""
        try:
            facts: dict[str, Any] = json.loads((self.path / file).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return facts

    def write(self, file: str, facts: dict[str, Any]) -> None:
        """Write one of the files whole: a reader sees all of it or none."""
        draft = self.path / f".{file}-{secrets.token_hex(4)}"
        draft.write_text(json.dumps(facts), "utf-8")
        draft.replace(self.path / file)

    @property
    def spec(self) -> JobSpec:
        """What is to run."""
        return JobSpec.from_facts((self.read("job.json") or {})["spec"])

    @property
    def handle(self) -> JobHandle:
        """How others know the job."""
        submitted = (self.read("job.json") or {})["submitted_at"]
        return JobHandle(self.name, self.name, datetime.fromisoformat(submitted))

    @property
    def started_at(self) -> datetime | None:
        """When its shell began; None before that."""
        try:
            return datetime.fromtimestamp((self.path / "pid").stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def number(self, file: str) -> int | None:
        """Return what the shell wrote: its ``pid``, or the exit ``code``."""
        try:
            return int((self.path / file).read_text("ascii"))
        except FileNotFoundError:
            return None

    def lock(self) -> int | None:
        """Return a descriptor that locks the job's life; None while its processes hold it."""
        descriptor = os.open(self.path / "alive", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def is_alive(self) -> bool:
        """Whether any process of the job lives."""
        descriptor = self.lock()
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def end(self, outcome: Outcome, reason: str, exit_code: int | None = None) -> None:
        """Write down how it ended."""
        facts = {"outcome": outcome, "reason": reason, "exit_code": exit_code}
        self.write("ended.json", {**facts, "ended_at": now().isoformat()})

    def status(self) -> JobStatus:
        """Return where the job stands."""
        if ended := self.read("ended.json"):
            return JobStatus(
                Phase.ENDED,
                ended["reason"],
                Outcome(ended["outcome"]),
                ended["exit_code"],
                self.started_at,
                datetime.fromisoformat(ended["ended_at"]),
            )
        if self.started_at:
            return JobStatus(Phase.RUNNING, started_at=self.started_at)
        return JobStatus(Phase.PENDING if self.exists else Phase.ABSENT)


def create(root: Path, spec: JobSpec) -> bool:
    """Submit the job; False when its name is taken."""
    draft = JobFolder(root / f".draft-{secrets.token_hex(8)}")
    (draft.path / "work").mkdir(mode=0o700, parents=True)
    draft.write("job.json", {"spec": spec.facts(), "submitted_at": now().isoformat()})
    try:
        draft.path.rename(root / spec.name)
    except OSError:
        # A folder cannot take the place of one that has something in it.
        shutil.rmtree(draft.path)
        if not (root / spec.name).exists():
            raise
        return False
    return True


def every(root: Path) -> Iterator[JobFolder]:
    """Yield every job, by name."""
    for path in sorted(root.iterdir()):
        folder = JobFolder(path)
        if not path.name.startswith(".") and folder.exists:
            yield folder
