"""What a Job and its pod say, as our words for where a job stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from compute.scheduler import JobStatus, Outcome, Phase, outcome_of
from compute.schedulers.kubernetes.manifests import QUEUE

#: Set on a job that is to end; its pods are then taken away, and it stays to be asked about.
CANCELLED = "tessera/cancelled"
WORDS = {
    Outcome.CANCELLED: "It was cancelled.",
    Outcome.TIMEOUT: "It ran longer than its time limit.",
    Outcome.OUT_OF_MEMORY: "It took more memory than it had asked for.",
    Outcome.PREEMPTED: "The cluster took its place for more urgent work.",
    Outcome.NODE_FAILED: "The machine that it ran on failed.",
    Outcome.LAUNCH_FAILED: "The cluster could not start it.",
}
REASONS = {
    "ContainerCreating": "The machine is being prepared.",
    "PodInitializing": "The machine is being prepared.",
    "ErrImagePull": "The image cannot be fetched; the operator has to look.",
    "ImagePullBackOff": "The image cannot be fetched; the operator has to look.",
    "InvalidImageName": "The image cannot be fetched; the operator has to look.",
    "CreateContainerConfigError": "What the job needs is not there; the operator has to look.",
    "Unschedulable": "Waiting for free machines.",
}
#: Why a pod was taken away that did nothing wrong.
DISRUPTED = {
    "PreemptionByScheduler": Outcome.PREEMPTED,
    "EvictionByEvictionAPI": Outcome.PREEMPTED,
    "TerminationByKubelet": Outcome.NODE_FAILED,
    "DeletionByTaintManager": Outcome.NODE_FAILED,
    "DeletionByPodGC": Outcome.NODE_FAILED,
}

Facts = Mapping[str, Any]


def status_of(job: Facts, pods: list[Facts]) -> JobStatus:
    """Return where the job stands; its newest pod knows more than itself."""
    pod = max(pods, key=lambda each: each["metadata"]["creationTimestamp"], default=None)
    conditions = _true(job)
    ran = _container(pod).get("terminated") or {}
    if "Complete" in conditions:
        return _ended(Outcome.SUCCEEDED, ran, conditions["Complete"])
    if "Failed" in conditions:
        return _ended(_of_failed(conditions["Failed"], pod, ran), ran, conditions["Failed"])
    is_cancelled = CANCELLED in (job["metadata"].get("annotations") or {})
    if is_cancelled and not pods:
        return _ended(Outcome.CANCELLED, ran, conditions.get("Suspended", {}))
    if began := (_container(pod).get("running") or {}).get("startedAt"):
        return JobStatus(Phase.RUNNING, started_at=moment(began))
    if ran:
        # Its job has not been told yet.
        return JobStatus(Phase.RUNNING, started_at=moment(ran["startedAt"]))
    return JobStatus(Phase.PENDING, _why(job, pod))


def moment(text: str) -> datetime:
    """Return a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def _ended(outcome: Outcome, ran: Facts, condition: Facts) -> JobStatus:
    code = ran.get("exitCode")
    words = WORDS.get(
        outcome, "" if outcome == Outcome.SUCCEEDED else f"It ended with exit code {code}."
    )
    ended = ran.get("finishedAt") or condition.get("lastTransitionTime")
    return JobStatus(
        Phase.ENDED,
        words,
        outcome,
        code if outcome not in WORDS or outcome_of(code or 0) == outcome else None,
        moment(ran["startedAt"]) if ran.get("startedAt") else None,
        moment(ended) if ended else None,
    )


def _of_failed(condition: Facts, pod: Facts | None, ran: Facts) -> Outcome:
    if condition.get("reason") == "DeadlineExceeded":
        return Outcome.TIMEOUT
    disrupted = _true(pod or {}).get("DisruptionTarget", {}).get("reason")
    if disrupted:
        return DISRUPTED.get(disrupted, Outcome.NODE_FAILED)
    if ran.get("reason") == "OOMKilled":
        return Outcome.OUT_OF_MEMORY
    if ran.get("reason") in ("ContainerCannotRun", "StartError"):
        return Outcome.LAUNCH_FAILED
    if "exitCode" in ran:
        return outcome_of(ran["exitCode"])
    return Outcome.NODE_FAILED if pod else Outcome.LAUNCH_FAILED


def _why(job: Facts, pod: Facts | None) -> str:
    if job["spec"].get("suspend") and QUEUE in (job["metadata"].get("labels") or {}):
        return "Other jobs are ahead in the queue."
    if pod is None:
        return "It has just been queued."
    reason = (_container(pod).get("waiting") or {}).get("reason") or ""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            reason = condition.get("reason") or reason
    return REASONS.get(reason, f"Kubernetes says: {reason}." if reason else "It is about to begin.")


def _true(each: Facts) -> dict[str, Facts]:
    conditions = (each.get("status") or {}).get("conditions") or []
    return {one["type"]: one for one in conditions if one["status"] == "True"}


def _container(pod: Facts | None) -> Facts:
    """Return the state of the pod's one container."""
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or [{}]
    state: Facts = statuses[0].get("state") or {}
    return state
