"""What can be asked of one Slurm service: its jobs, living and remembered, in the dialect it speaks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from compute.scheduler import JobHandle, Unreachable
from compute.schedulers.slurm import dialects
from compute.schedulers.slurm.client import Client, NotSpoken, Refused
from compute.schedulers.slurm.dialects import OLD, VERSIONS, Record
from compute.schedulers.slurm.options import SlurmOptions

NO_SUCH_JOB, NOT_NOW, OVER_ALREADY = 2017, 2020, 2021
#: How far back the accounting database is searched.
MEMORY = timedelta(days=30)
_EVER = datetime.fromtimestamp(0, UTC)
#: The dialect that each service was found to speak.
_spoken: dict[str, str] = {}


class SlurmService:
    """One service, asked as one of its users."""

    def __init__(self, client: Client, options: SlurmOptions) -> None:
        self._client = client
        self._options = options

    def forget(self) -> None:
        """Forget which dialect it speaks: it may have been updated."""
        _spoken.pop(self._client.address, None)

    def dialect(self) -> str:
        """Return the dialect without asking: the one that is said or was found, else the newest."""
        return self._options.version or _spoken.get(self._client.address, VERSIONS[0])

    def first(self, name: str) -> Record | None:
        """Return the first job of a name; what was refused at once leaves a record too."""
        found = [each for each in self.all() if each.name == name]
        if not found and self._options.has_accounting:
            since = int((datetime.now(UTC) - MEMORY).timestamp())
            query = {"job_name": name, "users": self._options.user, "start_time": since}
            found = self._searched(f"jobs/?{urlencode(query)}")
        real = [each for each in found if each.has_run or each.states != {"FAILED"}]
        return min(real, key=lambda each: each.job_id, default=None)

    def all(self) -> list[Record]:
        """Return every job of ours that the controller remembers, the first ones first."""
        found = map(dialects.record, self.ask("GET", "jobs/")["jobs"])
        ours = (each for each in found if each.user in ("", self._options.user))
        return sorted(ours, key=lambda each: each.job_id)

    def one(self, handle: JobHandle, *, or_remembered: bool = True) -> Record | None:
        """Return one job; None where it is not known."""
        try:
            jobs = self.ask("GET", f"job/{int(handle.external_id)}")["jobs"]
        except Refused as refusal:
            if refusal.number != NO_SUCH_JOB:
                raise Unreachable(f"Slurm refuses: {refusal}.") from refusal
            jobs = []
        for record in map(dialects.record, jobs):
            # Numbers are used again: another job's is not ours.
            if is_of(record, handle):
                return record
        return self.remembered(handle) if or_remembered else None

    def remembered(self, handle: JobHandle) -> Record | None:
        """Return what the accounting database says of a job that the controller has forgotten."""
        if not self._options.has_accounting:
            return None
        return max(self.accounted(handle), key=lambda each: each.ends_at or _EVER, default=None)

    def accounted(self, handle: JobHandle) -> list[Record]:
        """Return every run of a job that accounting knows."""
        since = int(handle.submitted_at.timestamp())
        query = {
            "job_name": handle.name, "users": self._options.user,
            "start_time": since, "show_duplicates": "true",
        }  # fmt: skip
        found = self._searched(f"jobs/?{urlencode(query)}")
        return [each for each in found if is_of(each, handle)]

    def _searched(self, path: str) -> list[Record]:
        try:
            jobs = self.ask("GET", path, service="slurmdb")["jobs"]
        except Refused as refusal:
            raise Unreachable(f"Slurm's accounting refuses: {refusal}.") from refusal
        return [dialects.accounted(each) for each in jobs]

    def signal(self, job_id: int, signal: str) -> bool:
        """Send a signal to all of a job; False where it cannot hear one."""
        query = {"signal": signal, "flags": "FULL_JOB"}
        if self.version() == OLD:
            del query["flags"]
        try:
            self.ask("DELETE", f"job/{job_id}?{urlencode(query)}")
        except Refused as refusal:
            return refusal.number in (NO_SUCH_JOB, OVER_ALREADY)
        return True

    def version(self) -> str:
        """Return the newest dialect that both sides speak; asked once, unless it is said."""
        if self._options.version:
            return self._options.version
        if self._client.address not in _spoken:
            _spoken[self._client.address] = self._negotiated()
        return _spoken[self._client.address]

    def _negotiated(self) -> str:
        for version in VERSIONS:
            try:
                self._client.ask("GET", f"/slurm/v0.0.{version}/ping/")
            except NotSpoken as trouble:
                unheard = trouble
            else:
                return version
        raise unheard

    def ask(
        self, method: str, path: str, facts: Mapping[str, Any] | None = None, service: str = "slurm"
    ) -> dict[str, Any]:
        """Ask in the dialect that is spoken."""
        return self._client.ask(method, f"/{service}/v0.0.{self.version()}/{path}", facts)


def is_of(record: Record, handle: JobHandle) -> bool:
    """Whether it is that job: numbers are used again, and the time changes when it is queued again."""
    return (str(record.job_id), record.name) == (handle.external_id, handle.name)
