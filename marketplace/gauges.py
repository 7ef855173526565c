"""Reads what an engine says of itself in Prometheus' format; believes nothing that cannot be true."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from prometheus_client.parser import text_string_to_metric_families

#: A line that is longer, and more of them than this, are not of use.
LONGEST_LINE = 2_000
MOST_LINES = 200
MOST_REQUESTS = 1_000_000

#: By which names servers tell a number, the first that is there counts: vLLM, SGLang, NIM (vLLM's
#: without their prefix), llama.cpp.
NAMES = {
    "running": (
        "vllm:num_requests_running",
        "sglang:num_running_reqs",
        "num_requests_running",
        "llamacpp:requests_processing",
    ),
    "waiting": (
        "vllm:num_requests_waiting",
        "sglang:num_queue_reqs",
        "num_requests_waiting",
        "llamacpp:requests_deferred",
    ),
    "kv_cache": (
        "vllm:kv_cache_usage_perc",
        "vllm:gpu_cache_usage_perc",
        "sglang:token_usage",
        "gpu_cache_usage_perc",
        "llamacpp:kv_cache_usage_ratio",
    ),
    # Triton's, under some NIMs, and those of NVIDIA's exporter beside an engine.
    "gpu": ("nv_gpu_utilization", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_GPU_UTIL"),
}
KNOWN = frozenset(name for names in NAMES.values() for name in names)
#: The others tell a share; these tell it in hundredths.
IN_HUNDREDTHS = frozenset({"DCGM_FI_DEV_GPU_UTIL"})


@dataclass(frozen=True, slots=True)
class Load:
    """What a server says that it does; None where it does not say."""

    running: int | None = None
    waiting: int | None = None
    #: Shares from 0 to 1: of several caches or GPUs, their average.
    kv_cache: float | None = None
    gpu: float | None = None

    @property
    def is_told(self) -> bool:
        """Whether it says anything at all."""
        return any(getattr(self, it.name) is not None for it in fields(self))


NOTHING_TOLD = Load()


def read(body: bytes) -> Load:
    """Return what the text tells; lines that are not needed, or are none, are passed over."""
    samples = _samples(_needed(body))
    return Load(
        running=_count(samples, NAMES["running"]),
        waiting=_count(samples, NAMES["waiting"]),
        kv_cache=_share(samples, NAMES["kv_cache"]),
        gpu=_share(samples, NAMES["gpu"]),
    )


def _needed(body: bytes) -> Iterable[str]:
    """Return the lines of known gauges: engines tell a thousand others, and hostile ones anything."""
    found = []
    for line in body.splitlines():
        if len(line) <= LONGEST_LINE and not line.startswith(b"#"):
            text = line.decode("utf-8", "replace")
            if text.split("{", 1)[0].split(" ", 1)[0] in KNOWN:
                found.append(text)
                if len(found) == MOST_LINES:
                    break
    return found


def _samples(lines: Iterable[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in lines:
        try:
            families = list(text_string_to_metric_families(f"{line}\n"))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            continue
        for family in families:
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.value)
    return found


def _first(samples: dict[str, list[float]], names: Iterable[str]) -> tuple[str, list[float]]:
    return next(((name, samples[name]) for name in names if name in samples), ("", []))


def _count(samples: dict[str, list[float]], names: Iterable[str]) -> int | None:
    _name, values = _first(samples, names)
    if not values or not all(math.isfinite(it) and it >= 0 for it in values):
        return None
    total = sum(values)
    return round(total) if total <= MOST_REQUESTS else None


def _share(samples: dict[str, list[float]], names: Iterable[str]) -> float | None:
    name, values = _first(samples, names)
    scale = 100 if name in IN_HUNDREDTHS else 1
    if not values or not all(math.isfinite(it) and 0 <= it <= scale for it in values):
        return None
    return sum(values) / len(values) / scale
