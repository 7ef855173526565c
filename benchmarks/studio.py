"""What the check of a dataset costs, beside a bare reader: ``python -m benchmarks.studio``.

Writes conversations as JSON Lines, then checks them as the studio does, and reads them once more by
``json.loads`` line by line, in turn and each in a process of its own.
"""

import argparse
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import machine
from studio.validation import dataset

CORPUS = Path(__file__).resolve().parents[1] / "gateway" / "upstreams" / "demo" / "corpus"
MB = 1_000_000


def write(path: Path, size: int) -> int:
    """Write so many bytes of conversations, all different; return how many there are."""
    chance = random.Random(7)  # noqa: S311 - the same every time
    words = " ".join(each.read_text("utf-8") for each in sorted(CORPUS.glob("*.txt"))).split()
    examples = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            for _ in range(500):
                file.write(json.dumps(_conversation(words, chance)) + "\n")
            examples += 500
    return examples


def _conversation(words: list[str], chance: random.Random) -> dict[str, Any]:
    """Return one of two turns, with a thousand characters or so in all."""

    def said(fewest: int, most: int) -> str:
        first = chance.randrange(len(words) - most)
        return " ".join(words[first : first + chance.randint(fewest, most)])

    return {
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": said(5, 30)},
            {"role": "assistant", "content": said(20, 120)},
            {"role": "user", "content": said(5, 30)},
            {"role": "assistant", "content": said(20, 120)},
        ]
    }


def bare(path: Path) -> int:
    """Read every line, and nothing more."""
    examples = 0
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
            examples += 1
    return examples


def ours(path: Path) -> int:
    """Check the dataset."""
    with path.open("rb") as file:
        return dataset.check(file).examples


def measured(work: Callable[[Path], int], path: Path) -> dict[str, Any]:
    """Return what the work took in a process of its own."""
    # A new interpreter: one that was forked would count our memory as its own.
    world = multiprocessing.get_context("spawn")
    here, there = world.Pipe(duplex=False)
    process = world.Process(target=_tell, args=(work, path, there))
    process.start()
    there.close()
    examples, seconds, cpu, before, most = here.recv()
    process.join()
    return {
        "examples": examples,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "mb_per_cpu_second": round(path.stat().st_size / MB / cpu, 1),
        "memory_mib": round(most / 1024, 1),
        "memory_before_mib": round(before / 1024, 1),
    }


def _tell(work: Callable[[Path], int], path: Path, there: Connection) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.monotonic(), time.process_time()
    examples = work(path)
    took = time.monotonic() - began, time.process_time() - cpu
    there.send((examples, *took, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def table(report: dict[str, Any]) -> str:
    """Return the measurements as lines for people."""
    lines = [f"{report['machine']}", f"{report['mb']} MB, {report['examples']:,} conversations"]
    for who in ("json.loads", "check"):
        one = report[who]
        lines.append(
            f"  {who:10} {one['mb_per_cpu_second']:>7.1f} MB a processor second, {one['seconds']:>7.2f} s,"
            f" {one['memory_before_mib']:.1f} MiB before, {one['memory_mib']:.1f} at most"
        )
    return "\n".join([*lines, f"  ratio {report['ratio']}"])


def main() -> int:
    """Measure; ends with status 1 where the two do not agree on how many examples there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1000, help="how large the file is")
    parser.add_argument("--json", type=Path, help="where the results are written")
    asked = parser.parse_args()
    report: dict[str, Any] = {"machine": machine.describe().text(), "mb": asked.mb}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        report["examples"] = write(path, asked.mb * MB)
        report["json.loads"], report["check"] = measured(bare, path), measured(ours, path)
    speeds = [report[who]["mb_per_cpu_second"] for who in ("check", "json.loads")]
    report["ratio"] = round(speeds[0] / speeds[1], 3)
    print(table(report))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1), "utf-8")
    counted = {report["examples"], report["json.loads"]["examples"], report["check"]["examples"]}
    return 0 if len(counted) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
