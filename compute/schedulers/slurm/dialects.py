"""What Slurm is told and what it answers, in the dialects of its releases.

0.0.38 is that of Debian 12's Slurm 22.05: plain numbers, an object of variables, one word of state.
From 0.0.40 on numbers say whether they are set, variables are a list, and states are several words.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from compute.scheduler import JobSpec
from compute.schedulers.slurm.options import SlurmOptions
from compute.schedulers.slurm.script import script_of

#: Those that are spoken, the newest first.
VERSIONS = ("45", "44", "43", "42", "41", "40", "38")
OLD = "38"
#: What says whose a job is, and which: its comment.
MARK = "tessera sha256:"


def request(spec: JobSpec, options: SlurmOptions, version: str) -> dict[str, Any]:
    """Return what the service is told to run."""
    script, common = script_of(spec, options.folder), _common(spec, options)
    variables = _variables(spec, options)
    if version == OLD:
        job = {
            **common,
            "nodes": 1,
            "memory_per_node": spec.memory_mb,
            "time_limit": _minutes(spec),
            "open_mode": "append",
            "environment": variables,
        }
        if spec.gpus:
            job["gpus_per_node"] = _gpus(spec)
        return {"script": script, "job": job}
    job = {
        **common,
        "nodes": "1",
        "memory_per_node": _set(spec.memory_mb),
        "time_limit": _set(_minutes(spec)),
        "open_mode": ["APPEND"],
        "environment": [f"{name}={value}" for name, value in variables.items()],
        # To the command itself, which has taken the place of the script.
        "kill_warning_signal": "TERM",
        "kill_warning_flags": ["BATCH_JOB"],
        "kill_warning_delay": _set(options.warning_seconds),
        "script": script,
    }
    if spec.gpus:
        job["tres_per_node"] = f"gres/gpu:{_gpus(spec)}"
    return {"job": job}


def _common(spec: JobSpec, options: SlurmOptions) -> dict[str, Any]:
    facts = {
        "name": spec.name,
        "comment": MARK + spec.fingerprint(),
        "partition": options.partition,
        "qos": options.qos,
        "account": _account(spec, options),
        "tasks": 1,
        "cpus_per_task": spec.cpus,
        "current_working_directory": options.folder,
        "standard_output": f"{options.folder}/{spec.name}.log",
        # Trying again is ours, from where the last attempt stood.
        "requeue": False,
        # Slurm itself runs no two jobs of a name at once.
        "dependency": "singleton",
    }
    return {name: value for name, value in facts.items() if value != ""}


def _account(spec: JobSpec, options: SlurmOptions) -> str:
    if not options.has_accounting:
        return ""
    return options.account.replace("{tenant}", spec.tenant)


def _variables(spec: JobSpec, options: SlurmOptions) -> dict[str, str]:
    own = {"LANG": "C.UTF-8", "PATH": options.programs, "HOME": f"{options.folder}/{spec.name}"}
    if options.house:
        own["PYTHONPATH"] = options.house
    return {**own, **spec.environment}


def _minutes(spec: JobSpec) -> int:
    return max(1, math.ceil(spec.time_limit / 60))


def _gpus(spec: JobSpec) -> str:
    return f"{spec.gpu_type}:{spec.gpus}" if spec.gpu_type else str(spec.gpus)


def _set(number: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": number}


@dataclass(frozen=True, slots=True)
class Record:
    """What Slurm says of a job, in whatever dialect."""

    job_id: int
    name: str
    user: str
    comment: str
    states: frozenset[str]
    reason: str
    exit_code: int | None
    signal: int | None
    submitted_at: datetime
    #: When it began; of a job that waits, when it is expected to.
    begins_at: datetime | None
    ends_at: datetime | None
    cpus: int
    gpus: int
    #: Whether anything was ever allotted to it.
    has_run: bool


def record(facts: Mapping[str, Any]) -> Record:
    """Return what the controller says of a job."""
    code, signal = _exit(facts.get("exit_code"))
    allotted = _allotted(facts.get("tres_alloc_str") or "")
    detail, asked = facts.get("gres_detail") or [], facts.get("tres_per_node") or ""
    return Record(
        job_id=int(facts["job_id"]),
        name=facts.get("name") or "",
        user=facts.get("user_name") or "",
        comment=facts.get("comment") or "",
        states=_states(facts.get("job_state")),
        reason=facts.get("state_reason") or "",
        exit_code=code,
        signal=signal,
        submitted_at=_time(facts.get("submit_time")) or datetime.fromtimestamp(0, UTC),
        begins_at=_time(facts.get("start_time")),
        ends_at=_time(facts.get("end_time")),
        cpus=allotted.get("cpu", 0),
        # Of a job that has ended only what it asked for is left, unless GPUs are accounted for.
        gpus=allotted.get("gres/gpu", sum(map(_counted, detail)) or _counted(asked)),
        has_run=bool(allotted),
    )


def accounted(facts: Mapping[str, Any]) -> Record:
    """Return what the accounting database says of a job, or of one of its runs."""
    code, signal = _exit(facts.get("exit_code"))
    time, state = facts.get("time") or {}, facts.get("state") or {}
    allotted = _listed((facts.get("tres") or {}).get("allocated") or [])
    comment = facts.get("comment") or {}
    return Record(
        job_id=int(facts["job_id"]),
        name=facts.get("name") or "",
        user=facts.get("user") or "",
        comment=comment.get("job") or "" if isinstance(comment, dict) else str(comment),
        states=_states(state.get("current")),
        reason=state.get("reason") or "",
        exit_code=code,
        signal=signal,
        submitted_at=_time(time.get("submission")) or datetime.fromtimestamp(0, UTC),
        begins_at=_time(time.get("start")),
        ends_at=_time(time.get("end")),
        cpus=allotted.get("cpu", 0),
        gpus=allotted.get("gres/gpu", 0),
        has_run=bool(allotted),
    )


def _number(value: Any) -> int | None:
    """Return a number that is plain, or says whether it is set."""
    if isinstance(value, Mapping):
        return int(value["number"]) if value.get("set") and not value.get("infinite") else None
    return int(value) if isinstance(value, int | float) else None


def _time(value: Any) -> datetime | None:
    seconds = _number(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _states(value: Any) -> frozenset[str]:
    words = [value] if isinstance(value, str) else value or []
    return frozenset(str(word).upper() for word in words)


def _exit(value: Any) -> tuple[int | None, int | None]:
    """Return the exit code and the signal; plain numbers are as the kernel says it."""
    if isinstance(value, Mapping):
        signal = value.get("signal") or {}
        return _number(value.get("return_code")), _number(
            signal.get("id") or signal.get("signal_id")
        )
    status = _number(value)
    return (None, None) if status is None else (status >> 8, status & 0x7F)


def _allotted(text: str) -> dict[str, int]:
    """Return the counts in ``cpu=4,mem=8G,gres/gpu=2``; those with units are nobody's business."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name: int(count) for name, _, count in pairs if count.isdigit()}


def _listed(listed: list[Mapping[str, Any]]) -> dict[str, int]:
    found = {}
    for each in listed:
        name = f"{each['type']}/{each['name']}" if each.get("name") else str(each["type"])
        found[name] = int(each.get("count") or 0)
    return found


def _counted(text: str) -> int:
    """Return the number in ``gpu:h100:2(IDX:0-1)``, ``gres:gpu:2``, ``gres/gpu:h100:2``."""
    count = text.partition("(")[0].rpartition(":")[2]
    return int(count) if "gpu" in text and count.isdigit() else 0
