"""Slurm's words for where a job stands, as ours."""

import signal

from compute.scheduler import JobStatus, Outcome, Phase, outcome_of
from compute.schedulers.slurm.dialects import Record

WAITING = {"PENDING", "REQUEUED", "REQUEUE_FED", "CONFIGURING", "POWER_UP_NODE"}
#: It waits until an operator does something.
HELD = {"REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
#: Its processes, or what comes after them, still hold something.
ENDING = {"COMPLETING", "STAGE_OUT"}
ENDS = {
    "COMPLETED": Outcome.SUCCEEDED,
    "CANCELLED": Outcome.CANCELLED,
    "TIMEOUT": Outcome.TIMEOUT,
    "DEADLINE": Outcome.TIMEOUT,
    "OUT_OF_MEMORY": Outcome.OUT_OF_MEMORY,
    "PREEMPTED": Outcome.PREEMPTED,
    "NODE_FAIL": Outcome.NODE_FAILED,
    "BOOT_FAIL": Outcome.NODE_FAILED,
    "LAUNCH_FAILED": Outcome.LAUNCH_FAILED,
    "RECONFIG_FAIL": Outcome.LAUNCH_FAILED,
    "REVOKED": Outcome.LOST,
    "FAILED": None,
}
WORDS = {
    Outcome.CANCELLED: "It was cancelled.",
    Outcome.TIMEOUT: "It ran longer than its time limit.",
    Outcome.OUT_OF_MEMORY: "It took more memory than it had asked for.",
    Outcome.PREEMPTED: "The cluster took its place for more urgent work.",
    Outcome.NODE_FAILED: "The machine that it ran on failed.",
    Outcome.LAUNCH_FAILED: "The cluster could not start it.",
    Outcome.LOST: "The cluster gave it away.",
}
#: Why a job waits; a reason that is not here is said as Slurm says it.
REASONS = {
    "None": "It has just been queued.",
    "Priority": "Other jobs are ahead in the queue.",
    "Resources": "Waiting for free machines.",
    "Dependency": "An earlier job of this name has not ended.",
    "BeginTime": "It may begin at a later time.",
    "Licenses": "Waiting for a licence.",
    "Reservation": "Waiting for machines that are reserved.",
    "PartitionDown": "The queue is closed by the operator.",
    "PartitionInactive": "The queue is closed by the operator.",
    "PartitionTimeLimit": "It asks for more time than the queue allows.",
    "PartitionNodeLimit": "It asks for more machines than the queue has.",
    "NodeDown": "A machine that it needs is down.",
    "ReqNodeNotAvail": "A machine that it needs is not available.",
    "BadConstraints": "No machine of the cluster can run it.",
    "JobHeldAdmin": "The operator holds it back.",
    "JobHeldUser": "It is held back.",
    "Prolog": "The machine is being prepared.",
    "Cleaning": "The machine is being tidied after another job.",
    "InvalidAccount": "The cluster has no account for this organization.",
    "InvalidQOS": "The cluster does not know the kind of service.",
    "JobLaunchFailure": "It could not be started and waits for the operator.",
}
#: The beginnings of reasons that are a limit of an account or a kind of service.
LIMITS = ("Assoc", "QOS", "MaxCpuPer", "MaxMemPer", "MaxGRESPer", "MaxNodePer", "MaxSubmitJobs")
LIMITED = "The organization's limit on this cluster is reached."


def status_of(record: Record) -> JobStatus:
    """Return where the job stands; a state that nobody knows yet is no end."""
    states = record.states
    if states & HELD:
        return JobStatus(Phase.PENDING, "It stopped in the queue and waits for the operator.")
    if states & WAITING:
        return JobStatus(Phase.PENDING, _why(record))
    ends = states & ENDS.keys()
    if states & ENDING or not ends:
        began = record.begins_at if record.has_run else None
        return JobStatus(Phase.RUNNING if began else Phase.PENDING, started_at=began)
    return _ended(record, sorted(ends)[0])


def _ended(record: Record, state: str) -> JobStatus:
    outcome = ENDS[state] or _of_failed(record)
    is_code_known = record.has_run and not record.signal
    code = record.exit_code if is_code_known else None
    words = WORDS.get(outcome, "")
    if state == "FAILED" and record.exit_code:
        words = f"It ended with exit code {record.exit_code}."
    elif outcome == Outcome.CRASHED:
        words = f"It was ended by signal {record.signal}."
    return JobStatus(
        Phase.ENDED,
        words,
        outcome,
        code,
        record.begins_at if record.has_run else None,
        record.ends_at,
    )


def _of_failed(record: Record) -> Outcome:
    """Return what FAILED means: by a signal that asks, by an exit code, or before it began."""
    if record.signal == signal.SIGTERM:
        return Outcome.CANCELLED
    if record.signal:
        return Outcome.CRASHED
    return outcome_of(record.exit_code) if record.exit_code else Outcome.LAUNCH_FAILED


def _why(record: Record) -> str:
    reason = record.reason or "None"
    if reason.startswith(LIMITS):
        words = LIMITED
    else:
        words = REASONS.get(reason, f"Slurm says: {reason}.")
    if record.begins_at is not None:
        words += f" Expected to begin at {record.begins_at:%Y-%m-%d %H:%M} UTC."
    return words
