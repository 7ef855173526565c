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
from compute.schedulers.kubernetes.manifests import FINGERPRINT, NAME, OURS, job_of
from compute.schedulers.kubernetes.options import KubernetesOptions
from compute.schedulers.kubernetes.queues import Kueue, Place
from compute.schedulers.kubernetes.states import (
    CANCELLED,
    Facts,
    has_ended_itself,
    is_held_back,
    is_queued,
    moment,
    status_of,
)

LARGEST_PAGE = 65_536
#: Of ours, whoever's they are.
SELECTED = ",".join(f"{name}={value}" for name, value in OURS.items())


class KubernetesScheduler:
    """Runs jobs on a Kubernetes cluster, as one of its service accounts."""

    def __init__(self, client: Client, options: KubernetesOptions) -> None:
        self._client = client
        self._options = options
        self._space = f"/namespaces/{options.namespace_of('')}" if options.is_one_namespace else ""
        self._kueue = Kueue(client, self._space)

    def check(self) -> str:
        """Return what is wrong with the cluster, in words; empty when nothing is."""
        try:
            self._jobs()
            self._pods()
            if self._options.queue and not self._kueue.answers():
                return f"Jobs are to wait in {self._options.queue}, and the cluster has no Kueue."
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
            job: Facts = self._client.ask("POST", place, job_of(spec, self._options))
        except Refused as refusal:
            if refusal.status != 409:
                raise Rejected(f"Kubernetes refuses the job: {refusal}.") from refusal
            job = self._existing(f"{place}/{spec.name}")
        if (job["metadata"].get("annotations") or {}).get(FINGERPRINT) != spec.fingerprint():
            raise Rejected(f"Another job is called {spec.name}.")
        return _handle(job)

    def find(self, name: str) -> JobHandle | None:
        """Return the job of this name; None only when there provably is none."""
        found = self._jobs(f"{SELECTED},{NAME}={name}")
        return next((_handle(job) for job in found if job["metadata"]["name"] == name), None)

    def status(self, handles: Sequence[JobHandle]) -> Mapping[JobHandle, JobStatus]:
        """Return where each job stands, in one question; one it does not know is ABSENT."""
        # Jobs first: a pod that ends in between is seen as ended, and its job not yet.
        jobs = {_handle(job): job for job in self._jobs()}
        pods = self._pods()
        held = [jobs[each] for each in handles if each in jobs and is_held_back(jobs[each])]
        places = self._placed(held)
        return {
            handle: status_of(
                jobs[handle], pods[handle.name], places.get(jobs[handle]["metadata"]["uid"])
            )
            if handle in jobs
            else JobStatus(Phase.ABSENT)
            for handle in handles
        }

    def cancel(self, handle: JobHandle, *, force: bool = False) -> None:
        """Ask the job to end, forced without grace; returns at once, and may be repeated.

        Forced, one that has no pod and could be let begin again is removed.
        """
        path = f"{_place(handle, 'batch/v1')}/jobs/{handle.name}"
        job = self._known(path)
        if job is None or _handle(job) != handle or has_ended_itself(job):
            return
        pods = self._pods_of(handle) if force else []
        if force and not pods and job["spec"].get("suspend"):
            self._delete(path, propagationPolicy="Background", preconditions=_only(job))
            return
        self._take_away(path, job)
        for pod in pods:
            place = f"{_place(handle)}/pods/{pod['metadata']['name']}"
            self._delete(place, gracePeriodSeconds=0, preconditions=_only(pod))

    def usage(self, handle: JobHandle) -> Sequence[Run]:
        """Return every time that the ended job ran; nothing where it never did, or is forgotten."""
        return [
            run
            for pod in self._pods_of(handle)
            if (run := _run(pod, self._options.gpu_resource)) is not None
        ]

    def logs(self, handle: JobHandle, offset: int = 0) -> LogPage:
        """Return what the job wrote from there on, a page at a time."""
        data = b""
        for pod in self._pods_of(handle):
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

    def _take_away(self, path: str, job: Facts) -> None:
        """Have its pods end; it stays, to be asked about."""
        try:
            is_let_go = is_queued(job) and self._kueue.let_go(job)
            wish: dict[str, Any] = {"metadata": {"annotations": {CANCELLED: "true"}}}
            # Kueue lets begin again what somebody else has suspended.
            if not is_let_go:
                wish["spec"] = {"suspend": True}
            self._client.ask("PATCH", path, wish)
        except Refused as refusal:
            _unless_gone(refusal)

    def _delete(self, path: str, **options: Any) -> None:
        """Delete what is there; twice is once."""
        try:
            self._client.ask(
                "DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **options}
            )
        except Refused as refusal:
            _unless_gone(refusal)

    def _placed(self, jobs: Sequence[Facts]) -> Mapping[str, Place]:
        try:
            return self._kueue.places(jobs)
        except (Refused, Unreachable):
            # Why they wait is then not known; that they wait is.
            return {}

    def _existing(self, path: str) -> Facts:
        try:
            return self._client.ask("GET", path)
        except Refused as refusal:
            # It was there a moment ago.
            raise Unreachable(f"Kubernetes refuses: {refusal}.") from refusal

    def _known(self, path: str) -> Facts | None:
        try:
            return self._client.ask("GET", path)
        except Refused as refusal:
            _unless_gone(refusal)
            return None

    def _jobs(self, selected: str = SELECTED) -> Sequence[Facts]:
        return self._items(f"/apis/batch/v1{self._space}/jobs", selected)

    def _pods(self) -> Mapping[str, Any]:
        """Return the pods by the names of their jobs."""
        found = defaultdict(list)
        for pod in self._items(f"/api/v1{self._space}/pods", SELECTED):
            found[pod["metadata"]["labels"].get(NAME, "")].append(pod)
        return found

    def _pods_of(self, handle: JobHandle) -> Sequence[Facts]:
        pods = self._items(f"{_place(handle)}/pods", f"{SELECTED},{NAME}={handle.name}")
        return [pod for pod in pods if pod["metadata"]["labels"].get(NAME) == handle.name]

    def _items(self, path: str, selected: str) -> Sequence[Facts]:
        try:
            return self._client.items(path, labelSelector=selected)
        except Refused as refusal:
            raise Unreachable(f"Kubernetes refuses: {refusal}.") from refusal


def _handle(job: Facts) -> JobHandle:
    facts = job["metadata"]
    external = f"{facts['namespace']}/{facts['uid']}"
    return JobHandle(external, facts["name"], moment(facts["creationTimestamp"]))


def _place(handle: JobHandle, group: str = "") -> str:
    namespace = handle.external_id.partition("/")[0]
    return f"/{'apis/' + group if group else 'api/v1'}/namespaces/{namespace}"


def _only(thing: Facts) -> Mapping[str, str]:
    """Return what keeps another of this name from being meant."""
    return {"uid": thing["metadata"]["uid"]}


def _unless_gone(refusal: Refused) -> None:
    """Raise Unreachable, unless what was asked for is not there any more, or is another."""
    if refusal.status not in (404, 409):
        raise Unreachable(f"Kubernetes refuses: {refusal}.") from refusal


def _run(pod: Facts, gpu_resource: str) -> Run | None:
    """Return what a pod held while its container ran; None where it never did."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    ran = (statuses[0].get("state") or {}).get("terminated")
    if not ran or not ran.get("startedAt"):
        return None
    held = pod["spec"]["containers"][0]["resources"]["limits"]
    began, ended = moment(ran["startedAt"]), moment(ran["finishedAt"])
    return Run(began, ended, int(held["cpu"]), int(held.get(gpu_resource, 0)))
