"""The door to clusters: what a job is, what a scheduler answers, and what it promises.

Every implementation passes ``tests/compute/test_scheduler_contract.py``. The promises that matter:
a name is submitted once however often it is asked for, "I cannot tell" is never said as "it is not
there", and cancelling may be repeated.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

#: A DNS label: what Slurm, Kubernetes and a folder all accept.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

#: Names of jobs that serve begin so: they take no place of those that end.
SERVES = "sv-"


class Phase(StrEnum):
    """Where a scheduler says a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"
    ABSENT = "absent"


class Outcome(StrEnum):
    """How a job ended."""

    SUCCEEDED = "succeeded"
    USER_ERROR = "user_error"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    PREEMPTED = "preempted"
    NODE_FAILED = "node_failed"
    LAUNCH_FAILED = "launch_failed"
    LOST = "lost"


#: Ends that say nothing about the job itself: it may be tried again.
RETRYABLE = frozenset({Outcome.PREEMPTED, Outcome.NODE_FAILED, Outcome.LAUNCH_FAILED, Outcome.LOST})


class Unreachable(Exception):
    """The scheduler did not answer, or not in a way that can be relied on: nothing is known."""


class Rejected(Exception):
    """The scheduler will never take this job."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What is to run. ``name`` is the idempotency key; nothing of the portal is inherited."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    time_limit: int = 3600
    cpus: int = 1
    gpus: int = 0
    memory_mb: int = 1024
    #: The kind of GPU in the cluster's words; any, where it is empty.
    gpu_type: str = ""
    #: Whose it is: a cluster that keeps accounts or namespaces has one by this name.
    tenant: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a name of a job")
        for label in (self.gpu_type, self.tenant):
            if label and not NAME.fullmatch(label):
                raise ValueError(f"{label!r} is not a name that a cluster knows")

    def facts(self) -> dict[str, Any]:
        """Return the spec as JSON holds it."""
        return {**asdict(self), "command": list(self.command)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "JobSpec":
        """Return the spec that :meth:`facts` described."""
        return cls(**{**facts, "command": tuple(facts["command"])})

    def fingerprint(self) -> str:
        """Return a digest that changes with anything in the spec."""
        text = json.dumps(self.facts(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class JobHandle:
    """How a scheduler knows a job; ids may be used again, so the time belongs to it."""

    external_id: str
    name: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What a scheduler says of a job; ``reason`` is for people."""

    phase: Phase
    reason: str = ""
    outcome: Outcome | None = None
    exit_code: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some of what a job wrote, and where the next page begins."""

    data: bytes
    next_offset: int


@dataclass(frozen=True, slots=True)
class Run:
    """One time that a job ran, and what it held then; a requeued job has several."""

    started_at: datetime
    ended_at: datetime
    cpus: int
    gpus: int

    @property
    def seconds(self) -> int:
        """How long it ran, in whole seconds."""
        return max(0, round((self.ended_at - self.started_at).total_seconds()))


class Scheduler(Protocol):
    """A cluster that runs jobs. Every method but ``render`` may raise :class:`Unreachable`."""

    def check(self) -> str:
        """Return what is wrong with the cluster, in words; empty when nothing is."""

    def render(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return what the cluster would be told, for operators to read; asks nobody."""

    def submit(self, spec: JobSpec) -> JobHandle:
        """Queue the job; the same spec again returns the first handle, another raises Rejected."""

    def find(self, name: str) -> JobHandle | None:
        """Return the job of this name; None only when there provably is none."""

    def status(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, JobStatus]:
        """Return where each job stands, in one question; one it does not know is ABSENT."""

    def cancel(self, handle: JobHandle, *, force: bool = False) -> None:
        """Ask the job to end, forced without grace; returns at once, and may be repeated."""

    def usage(self, handle: JobHandle) -> Sequence[Run]:
        """Return every time that the ended job ran; nothing where it never did, or is forgotten."""

    def logs(self, handle: JobHandle, offset: int = 0) -> LogPage:
        """Return what the job wrote from there on, a page at a time."""

    def list(self, prefix: str) -> Iterator[JobHandle]:
        """Yield every job it still knows whose name begins so."""


def outcome_of(exit_code: int) -> Outcome:
    """Return what a payload's exit code means: 64 to 66 blame the user, 75 asks to be retried."""
    if exit_code == 0:
        return Outcome.SUCCEEDED
    if 64 <= exit_code <= 66:
        return Outcome.USER_ERROR
    named = {75: Outcome.PREEMPTED, 126: Outcome.LAUNCH_FAILED, 127: Outcome.LAUNCH_FAILED}
    return named.get(exit_code, Outcome.CRASHED)
