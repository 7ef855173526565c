"""What a Job, its pod and Kueue say, as our words for where a job stands."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from compute.scheduler import JobStatus, Outcome, Phase, outcome_of
from compute.schedulers.kubernetes.manifests import QUEUE
from compute.schedulers.kubernetes.queues import Place

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
NO_IMAGE = "The image cannot be fetched; the operator has to look."
NOT_READY = "What the job needs is not there; the operator has to look."
PREPARED = "The machine is being prepared."
AHEAD = "Other jobs are ahead in the queue."
FREE = "Waiting for free machines."
#: Why a container, or a pod, waits; what is not here is said as Kubernetes says it.
REASONS = {
    "ContainerCreating": PREPARED,
    "PodInitializing": PREPARED,
    "ErrImagePull": NO_IMAGE,
    "ImagePullBackOff": NO_IMAGE,
    "ErrImageNeverPull": NO_IMAGE,
    "InvalidImageName": NO_IMAGE,
    "ImageInspectError": NO_IMAGE,
    "RegistryUnavailable": NO_IMAGE,
    "CreateContainerConfigError": NOT_READY,
    "CreateContainerError": NOT_READY,
    "RunContainerError": NOT_READY,
    "Unschedulable": FREE,
    "SchedulingGated": "The operator holds it back.",
}
#: Parts of what the scheduler says of all nodes, the most telling first.
UNSCHEDULABLE = (
    ("persistentvolumeclaim", "The disk that jobs share is not there; the operator has to look."),
    ("Insufficient nvidia.com/gpu", "Waiting for free GPUs."),
    ("Insufficient", FREE),
    ("node(s) didn't match", "No machine of the cluster can run it."),
    ("untolerated taint", "The machines that could run it are kept for others, or are ill."),
    ("node(s) were unschedulable", "The machines that could run it are closed by the operator."),
)
#: Parts of what Kueue says of a job without a place.
QUEUED = (
    ("maximum capacity", "It asks for more than the queue has."),
    ("insufficient unused quota", FREE),
    ("insufficient quota", FREE),
    ("is stopped", "The queue is closed by the operator."),
    ("is inactive", "The queue is closed by the operator."),
    ("doesn't exist", "The queue is not set up; the operator has to look."),
    ("namespace doesn't match", "The queue is not set up; the operator has to look."),
)
#: Why Kueue took back what it had let begin; a part of its reason.
TAKEN_BACK = (
    ("MaximumExecutionTime", Outcome.TIMEOUT, ""),
    ("Deactivated", Outcome.CANCELLED, "The operator took it out of the queue."),
    ("InactiveWorkload", Outcome.CANCELLED, "The operator took it out of the queue."),
    ("Preempted", Outcome.PREEMPTED, ""),
    ("QueueStopped", Outcome.PREEMPTED, "The operator has emptied the queue."),
    ("PodsReadyTimeout", Outcome.LAUNCH_FAILED, "Its machines were not ready in time."),
    ("NodeFailures", Outcome.NODE_FAILED, ""),
)
#: Why a pod was taken away that did nothing wrong.
DISRUPTED = {
    "PreemptionByScheduler": Outcome.PREEMPTED,
    "EvictionByEvictionAPI": Outcome.PREEMPTED,
    "TerminationByKubelet": Outcome.NODE_FAILED,
    "DeletionByTaintManager": Outcome.NODE_FAILED,
    "DeletionByPodGC": Outcome.NODE_FAILED,
}
#: What a pod itself says of being taken away, where it has no condition that does.
PUT_OUT = {
    "Evicted": Outcome.NODE_FAILED,
    "NodeLost": Outcome.NODE_FAILED,
    "NodeShutdown": Outcome.NODE_FAILED,
    "Terminated": Outcome.NODE_FAILED,
    "Preempting": Outcome.PREEMPTED,
    "UnexpectedAdmissionError": Outcome.NODE_FAILED,
}

Facts = Mapping[str, Any]


def status_of(job: Facts, pods: Sequence[Facts], place: Place | None = None) -> JobStatus:
    """Return where the job stands; its newest pod knows more than itself, and Kueue why it waits."""
    pod = max(pods, key=lambda each: each["metadata"]["creationTimestamp"], default=None)
    conditions = _true(job)
    ran = _container(pod).get("terminated") or {}
    if "Complete" in conditions:
        return _ended(Outcome.SUCCEEDED, ran, conditions["Complete"])
    if "Failed" in conditions:
        return _ended(_of_failed(conditions["Failed"], pod, ran), ran, conditions["Failed"])
    if pod is None and job["spec"].get("suspend"):
        return _without_pod(job, conditions, place)
    # One that ended, and whose job has not been told yet, runs.
    began = (_container(pod).get("running") or ran).get("startedAt")
    if began:
        return JobStatus(Phase.RUNNING, started_at=moment(began))
    return JobStatus(Phase.PENDING, _why(pod))


def is_queued(job: Facts) -> bool:
    """Whether Kueue says when the job begins."""
    return QUEUE in (job["metadata"].get("labels") or {})


def is_held_back(job: Facts) -> bool:
    """Whether Kueue has not let the job begin, or has taken it back."""
    return is_queued(job) and bool(job["spec"].get("suspend")) and not has_ended_itself(job)


def has_ended_itself(job: Facts) -> bool:
    """Whether the job has ended, and will never begin again."""
    return not _true(job).keys().isdisjoint({"Complete", "Failed"})


def moment(text: str) -> datetime:
    """Return a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def _without_pod(job: Facts, conditions: Mapping[str, Facts], place: Place | None) -> JobStatus:
    """Return where a job stands that is not let run: cancelled, taken back, or in the queue."""
    if CANCELLED in (job["metadata"].get("annotations") or {}):
        return _ended(Outcome.CANCELLED, {}, conditions.get("Suspended", {}))
    if not is_queued(job):
        return JobStatus(Phase.PENDING, "The operator holds it back.")
    if place is None:
        return JobStatus(Phase.PENDING, AHEAD)
    evicted = _true(place.workload).get("Evicted", {})
    for part, outcome, words in TAKEN_BACK:
        if part in evicted.get("reason", ""):
            return _ended(outcome, {}, evicted, words)
    return JobStatus(Phase.PENDING, _why_queued(place))


def _ended(outcome: Outcome, ran: Facts, condition: Facts, words: str = "") -> JobStatus:
    code = ran.get("exitCode")
    words = words or WORDS.get(
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
    if (put_out := ((pod or {}).get("status") or {}).get("reason")) in PUT_OUT:
        return PUT_OUT[put_out]
    if ran.get("reason") == "OOMKilled":
        return Outcome.OUT_OF_MEMORY
    if ran.get("reason") in ("ContainerCannotRun", "StartError"):
        return Outcome.LAUNCH_FAILED
    if "exitCode" in ran:
        return outcome_of(ran["exitCode"])
    return Outcome.NODE_FAILED if pod else Outcome.LAUNCH_FAILED


def _why(pod: Facts | None) -> str:
    """Return why a job that may begin has not."""
    if pod is None:
        return "It has just been queued."
    reason = (_container(pod).get("waiting") or {}).get("reason") or ""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            reason = condition.get("reason") or reason
            if words := _telling(UNSCHEDULABLE, condition.get("message")):
                return words
    return REASONS.get(reason, f"Kubernetes says: {reason}." if reason else "It is about to begin.")


def _why_queued(place: Place) -> str:
    """Return why Kueue has not let a job begin, how many are ahead, and when it looks again."""
    status = place.workload.get("status") or {}
    if place.workload["spec"].get("active") is False:
        return "The operator holds it back."
    said = {each["type"]: each for each in status.get("conditions") or []}
    reserved = said.get("QuotaReserved", {})
    if reserved.get("status") == "True":
        return "Its place is kept; what the operator has checked before jobs begin is not done."
    words = _telling(QUEUED, reserved.get("message")) or AHEAD
    if place.ahead is not None:
        words += f" Ahead of it in the queue: {place.ahead}."
    again = (status.get("requeueState") or {}).get("requeueAt")
    if again and moment(again) > datetime.now(UTC):
        words += f" It is not looked at before {moment(again):%Y-%m-%d %H:%M} UTC."
    return words


def _telling(words: Sequence[tuple[str, str]], message: str | None) -> str:
    """Return the words for the first part that is in the message; nothing where none is."""
    return next((said for part, said in words if part in (message or "")), "")


def _true(each: Facts) -> dict[str, Facts]:
    conditions = (each.get("status") or {}).get("conditions") or []
    return {one["type"]: one for one in conditions if one["status"] == "True"}


def _container(pod: Facts | None) -> Facts:
    """Return the state of the pod's one container."""
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or [{}]
    state: Facts = statuses[0].get("state") or {}
    return state
