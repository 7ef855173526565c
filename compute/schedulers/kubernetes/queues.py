"""Kueue, where a cluster has it: why a job waits, how many are ahead, and taking it out for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compute.scheduler import Unreachable
from compute.schedulers.kubernetes.client import Client, Refused
from compute.schedulers.kubernetes.manifests import QUEUE

GROUP = "kueue.x-k8s.io"
SIGHT = "visibility.kueue.x-k8s.io"
#: On Kueue's object that stands for a job: the job's uid.
OWNER = "kueue.x-k8s.io/job-uid"
GONE = 404

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """What Kueue says of a job: its object, and how many are ahead; None where it does not tell."""

    workload: Facts
    ahead: int | None = None


@dataclass(slots=True)
class Kueue:
    """Kueue of one cluster, as it is asked within one look at the jobs."""

    client: Client
    #: The one namespace that we may look at, as a path has it; empty: all.
    space: str = ""
    #: Which version of a group the cluster prefers; empty where it does not have the group.
    _versions: dict[str, str] = field(default_factory=dict)

    def answers(self) -> bool:
        """Return whether the cluster has Kueue; raises Unreachable where we may not ask it."""
        version = self._version(GROUP)
        if version:
            self._workloads(version)
        return bool(version)

    def places(self, jobs: Sequence[Facts]) -> Mapping[str, Place]:
        """Return what Kueue says of these jobs, by their uids; nothing of those it does not know."""
        version = self._version(GROUP)
        if not jobs or not version:
            return {}
        workloads = {_owner(each): each for each in self._workloads(version)}
        ahead = self._ahead(jobs)
        return {
            uid: Place(workload, ahead.get((_space(job), workload["metadata"]["name"])))
            for job in jobs
            if (uid := job["metadata"]["uid"]) and (workload := workloads.get(uid))
        }

    def let_go(self, job: Facts) -> bool:
        """Have Kueue end the job and never begin it again; False where it knows nothing of it."""
        version = self._version(GROUP)
        if not version:
            return False
        path = f"/apis/{GROUP}/{version}/namespaces/{_space(job)}/workloads"
        uid = job["metadata"]["uid"]
        found = self.client.items(path, labelSelector=f"{OWNER}={uid}")
        names = [each["metadata"]["name"] for each in found if _owner(each) == uid]
        stopped = [self._is_stopped(f"{path}/{name}") for name in names]
        return any(stopped)

    def _is_stopped(self, path: str) -> bool:
        try:
            self.client.ask("PATCH", path, {"spec": {"active": False}})
        except Refused as refusal:
            if refusal.status != GONE:
                raise
            return False
        return True

    def _ahead(self, jobs: Sequence[Facts]) -> Mapping[tuple[str, str], int]:
        """Return how many wait before each, by namespace and name; Kueue need not tell."""
        found: dict[tuple[str, str], int] = {}
        queues = sorted({(_space(job), job["metadata"]["labels"][QUEUE]) for job in jobs})
        try:
            version = self._version(SIGHT)
            for space, queue in queues if version else ():
                path = f"/apis/{SIGHT}/{version}/namespaces/{space}/localqueues/{queue}"
                waiting = self.client.ask("GET", f"{path}/pendingworkloads")["items"]
                for each in waiting:
                    found[space, each["metadata"]["name"]] = each["positionInClusterQueue"]
        except (Refused, Unreachable, KeyError, TypeError):
            # A place in the queue is good to know; a job's state does not hang on it.
            return found
        return found

    def _workloads(self, version: str) -> Sequence[Facts]:
        return self.client.items(f"/apis/{GROUP}/{version}{self.space}/workloads")

    def _version(self, group: str) -> str:
        if group not in self._versions:
            try:
                facts = self.client.ask("GET", f"/apis/{group}")
                self._versions[group] = facts["preferredVersion"]["version"]
            except Refused:
                self._versions[group] = ""
            except (KeyError, TypeError) as error:
                raise Unreachable(
                    f"{self.client.address} does not answer as Kueue does."
                ) from error
        return self._versions[group]


def _owner(workload: Facts) -> str:
    """Return the uid of the job that it stands for."""
    facts = workload["metadata"]
    owners = facts.get("ownerReferences") or [{}]
    uid: str = (facts.get("labels") or {}).get(OWNER) or owners[0].get("uid", "")
    return uid


def _space(job: Facts) -> str:
    space: str = job["metadata"]["namespace"]
    return space
