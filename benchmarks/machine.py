"""What a measurement ran on, and what a process has cost so far, as the kernel counts it."""

import os
from pathlib import Path

import msgspec

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


class Machine(msgspec.Struct):
    """Where numbers were measured; no names."""

    cores: int
    processor: str
    memory_gib: float
    #: Running processes waiting for a core when the measurement began: others' work on this machine.
    load: float

    def text(self) -> str:
        """Return it in one line."""
        cores = f"{self.cores} cores ({self.processor}), {self.memory_gib} GiB"
        return f"{cores}, load {self.load} at the start"


class Timed(msgspec.Struct):
    """What some work took: on the clock, and of processors here and in PostgreSQL."""

    seconds: float
    python_ms: float
    postgres_ms: float


def describe() -> Machine:
    """Return this machine."""
    lines = (PROC / "cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=models[0] if models else "unknown",
        memory_gib=round(memory, 1),
        load=round(os.getloadavg()[0], 2),
    )


def cpu_ms(*pids: int) -> float:
    """Return the processor time these processes have used, in milliseconds."""
    return sum(_ticks(pid) for pid in pids) * 1000 / TICKS


def family_cpu_ms(pid: int) -> float:
    """Return the processor time of a process and its children, the ended ones among them."""
    children = [int(each) for each in _children(pid)]
    return sum(_ticks(each, ended=True) for each in (pid, *children)) * 1000 / TICKS


def memory_kib(pid: int) -> int:
    """Return the memory that only this process has in use, in KiB."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _ticks(pid: int, *, ended: bool = False) -> int:
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    # Counted from the state, which is the third field: user and system time, then the children's.
    return sum(map(int, fields[11 : 15 if ended else 13]))


def _children(pid: int) -> list[str]:
    return (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
