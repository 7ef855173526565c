"""Kubernetes as its users see it: a Job for each of ours, found by its name in all namespaces."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

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
from compute.schedulers.kubernetes.client import Client, Refused
from compute.schedulers.kubernetes.manifests import FINGERPRINT, OURS, job_of
from compute.schedulers.kubernetes.options import KubernetesOptions
from compute.schedulers.kubernetes.states import CANCELLED, Facts, moment, status_of

LARGEST_PAGE = 65_536
#: Of ours, whoever's they are.
SELECTED = urlencode({"labelSelector": ",".join(f"{name}={value}" for name, value in OURS.items())})


class KubernetesScheduler:
    """Runs jobs on a Kubernetes cluster, as one of its service accounts."""

    def __init__(self, client: Client, options: KubernetesOptions) -> None:
        self._client = client
        self._options = options

    def check(self) -> str:
        """Return what is wrong with the cluster, in words; empty when nothing is."""
        try:
            self._jobs()
            self._pods()
        except Unreachable as trouble:
            return str(trouble)
        return ""

    def render(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return what the cluster would be told, for operators to read; asks nobody."""
        return job_of(spec, self._options)

    def submit(self, spec: JobSpec) -> JobHandle:
        """Queue the job; the same spec again returns the first handle, another raises Rejected."""
        place = f"/apis/batch/v1/namespaces/{self._options.namespace_of(spec.tenant)}/jobs"
        try:
            job = self._client.ask("POST", place, job_of(spec, self._options))
        except Refused as refusal:
            if refusal.status != 409:
                raise Rejected(f"Kubernetes refuses the job: {refusal}.") from refusal
            job = self._ask("GET", f"{place}/{spec.name}")
        if job["metadata"].get("annotations", {}).get(FINGERPRINT) != spec.fingerprint():
            raise Rejected(f"Another job is called {spec.name}.")
        return _handle(job)

    def find(self, name: str) -> JobHandle | None:
        """Return the job of this name; None only when there provably is none."""
        return next((each for each in self.list(name) if each.name == name), None)

    def status(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, JobStatus]:
        """Return where each job stands, in one question; one it does not know is ABSENT."""
        # Jobs first: a pod that ends in between is seen as ended, and its job not yet.
        jobs = {_handle(job): job for job in self._jobs()}
        pods = self._pods()
        return {
            handle: status_of(jobs[handle], pods[handle.name])
            if handle in jobs
            else JobStatus(Phase.ABSENT)
            for handle in handles
        }

    def cancel(self, handle: JobHandle, *, force: bool = False) -> None:
        """Ask the job to end, forced without grace; returns at once, and may be repeated."""
        if self.status([handle])[handle].phase in (Phase.ENDED, Phase.ABSENT):
            return
        wish = {"metadata": {"annotations": {CANCELLED: "true"}}, "spec": {"suspend": True}}
        self._ask("PATCH", f"{_place(handle, 'batch/v1')}/jobs/{handle.name}", wish)
        for pod in self._pods()[handle.name] if force else []:
            name = pod["metadata"]["name"]
            self._ask("DELETE", f"{_place(handle)}/pods/{name}?gracePeriodSeconds=0")

    def usage(self, handle: JobHandle) -> Sequence[Run]:
        """Return every time that the ended job ran; nothing where it never did, or is forgotten."""
        return [
            run
            for pod in self._pods()[handle.name]
            if (run := _run(pod, self._options.gpu_resource)) is not None
        ]

    def logs(self, handle: JobHandle, offset: int = 0) -> LogPage:
        """Return what the job wrote from there on, a page at a time."""
        data = b""
        for pod in self._pods()[handle.name]:
            query = urlencode({"limitBytes": offset + LARGEST_PAGE})
            path = f"{_place(handle)}/pods/{pod['metadata']['name']}/log?{query}"
            try:
                data = self._client.read("GET", path)[offset : offset + LARGEST_PAGE]
            except Refused:
                # Its container has not begun, or is gone.
                data = b""
        return LogPage(data, offset + len(data))

    def list(self, prefix: str) -> Iterator[JobHandle]:
        """Yield every job it still knows whose name begins so."""
        for job in self._jobs():
            if job["metadata"]["name"].startswith(prefix):
                yield _handle(job)

    def _jobs(self) -> Sequence[Facts]:
        found: Sequence[Facts] = self._ask("GET", f"/apis/batch/v1/jobs?{SELECTED}")["items"]
        return found

    def _pods(self) -> Mapping[str, Any]:
        """Return the pods by the names of their jobs."""
        found = defaultdict(list)
        for pod in self._ask("GET", f"/api/v1/pods?{SELECTED}")["items"]:
            found[pod["metadata"]["labels"].get("job-name", "")].append(pod)
        return found

    def _ask(
        self, method: str, path: str, facts: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            return self._client.ask(method, path, facts)
        except Refused as refusal:
            raise Unreachable(f"Kubernetes refuses: {refusal}.") from refusal


def _handle(job: Facts) -> JobHandle:
    facts = job["metadata"]
    external = f"{facts['namespace']}/{facts['uid']}"
    return JobHandle(external, facts["name"], moment(facts["creationTimestamp"]))


def _place(handle: JobHandle, group: str = "") -> str:
    namespace = handle.external_id.partition("/")[0]
    return f"/{'apis/' + group if group else 'api/v1'}/namespaces/{namespace}"


def _run(pod: Facts, gpu_resource: str) -> Run | None:
    """Return what a pod held while its container ran; None where it never did."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    ran = (statuses[0].get("state") or {}).get("terminated")
    if not ran or not ran.get("startedAt"):
        return None
    held = pod["spec"]["containers"][0]["resources"]["limits"]
    began, ended = moment(ran["startedAt"]), moment(ran["finishedAt"])
    return Run(began, ended, int(held["cpu"]), int(held.get(gpu_resource, 0)))
