"""Slurm as its users see it: by its REST service, and a folder that all machines share."""

from collections.abc import Iterator, Mapping, Sequence
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
from compute.schedulers.slurm import dialects
from compute.schedulers.slurm.client import Client, Refused
from compute.schedulers.slurm.dialects import MARK, Record
from compute.schedulers.slurm.options import SlurmOptions
from compute.schedulers.slurm.service import NOT_NOW, SlurmService
from compute.schedulers.slurm.states import status_of

LARGEST_PAGE = 65_536
#: More jobs than this are asked for in one question.
FEW = 10
#: Of the controller's refusals, those that say nothing about the job: it is busy, or not in charge.
PASSING = frozenset({2019, NOT_NOW, 2027})


class SlurmScheduler:
    """Queues jobs on a Slurm cluster, as one of its users."""

    def __init__(self, client: Client, options: SlurmOptions) -> None:
        self._service = SlurmService(client, options)
        self._options = options

    def check(self) -> str:
        """Return what is wrong with the cluster, in words; empty when nothing is."""
        self._service.forget()
        try:
            return self._trouble()
        except Refused as refusal:
            return f"Slurm refuses: {refusal}."
        except Unreachable as trouble:
            return str(trouble)

    def render(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return what the cluster would be told, for operators to read; asks nobody."""
        return dialects.request(spec, self._options, self._service.dialect())

    def submit(self, spec: JobSpec) -> JobHandle:
        """Queue the job; the same spec again returns the first handle, another raises Rejected."""
        first = self._service.first(spec.name)
        if first is None:
            ours = self._submit(spec)
            # Slurm takes a name twice. Of all who submitted one, the first job stays.
            first = self._service.first(spec.name)
            if first is None:
                raise Unreachable(f"Slurm took the job {spec.name} and does not show it.")
            if first.job_id != ours:
                self._service.signal(ours, "KILL")
        if first.comment.startswith(MARK) and first.comment != MARK + spec.fingerprint():
            raise Rejected(f"Another job is called {spec.name}.")
        return _handle(first)

    def find(self, name: str) -> JobHandle | None:
        """Return the job of this name; None only when there provably is none."""
        found = self._service.first(name)
        return None if found is None else _handle(found)

    def status(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, JobStatus]:
        """Return where each job stands, in one question; one it does not know is ABSENT."""
        if len(handles) > FEW:
            found = self._many(handles)
        else:
            found = {handle: self._service.one(handle) for handle in handles}
        return {
            handle: JobStatus(Phase.ABSENT) if record is None else status_of(record)
            for handle, record in found.items()
        }

    def cancel(self, handle: JobHandle, *, force: bool = False) -> None:
        """Ask the job to end, forced without grace; returns at once, and may be repeated."""
        record = self._service.one(handle, or_remembered=False)
        if record is None or status_of(record).phase == Phase.ENDED:
            return
        # A job that waits hears no signal: it can only be taken out of the queue.
        waits = status_of(record).phase == Phase.PENDING
        if force or waits or not self._service.signal(record.job_id, "TERM"):
            self._service.signal(record.job_id, "KILL")

    def usage(self, handle: JobHandle) -> Sequence[Run]:
        """Return every time that the ended job ran; nothing where it never did, or is forgotten."""
        records = self._service.accounted(handle) if self._options.has_accounting else []
        if not records and (record := self._service.one(handle, or_remembered=False)):
            records = [record]
        return [
            Run(record.begins_at, record.ends_at, record.cpus, record.gpus)
            for record in records
            if record.has_run and record.begins_at and record.ends_at
        ]

    def logs(self, handle: JobHandle, offset: int = 0) -> LogPage:
        """Return what the job wrote from there on, a page at a time."""
        try:
            with (Path(self._options.folder) / f"{handle.name}.log").open("rb") as log:
                log.seek(offset)
                data = log.read(LARGEST_PAGE)
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise Unreachable(f"The log cannot be read: {error.strerror}.") from error
        return LogPage(data, offset + len(data))

    def list(self, prefix: str) -> Iterator[JobHandle]:
        """Yield every job it still knows whose name begins so."""
        firsts: dict[str, Record] = {}
        for record in self._service.all():
            if record.name.startswith(prefix):
                firsts.setdefault(record.name, record)
        yield from map(_handle, firsts.values())

    def _trouble(self) -> str:
        self._service.ask("GET", "ping/")
        if self._options.has_accounting:
            self._service.ask("GET", "diag/", service="slurmdb")
        folder = Path(self._options.folder)
        return "" if folder.is_dir() else f"The shared folder {folder} is not there."

    def _many(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, Record | None]:
        known = {(str(each.job_id), each.name): each for each in self._service.all()}
        return {
            handle: known.get((handle.external_id, handle.name)) or self._service.remembered(handle)
            for handle in handles
        }

    def _submit(self, spec: JobSpec) -> int:
        request = dialects.request(spec, self._options, self._service.version())
        try:
            return int(self._service.ask("POST", "job/submit", request)["job_id"])
        except Refused as refusal:
            if refusal.number in PASSING:
                raise Unreachable(f"Slurm does not take jobs now: {refusal}.") from refusal
            raise Rejected(f"Slurm refuses the job: {refusal}.") from refusal


def _handle(record: Record) -> JobHandle:
    return JobHandle(str(record.job_id), record.name, record.submitted_at)
