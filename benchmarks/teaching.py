"""A folder with a model and its data, and the processes that teach on it, measured."""

import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.recipes.registry import RECIPES
from studio.recipes.run import Run, Teaching

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "gateway" / "upstreams" / "demo" / "corpus"
PYTHON = os.environ.get("TRAINER_PYTHON", sys.executable)
#: Steps that only warm up.
WARM = 2


@dataclass(slots=True)
class Case:
    """One comparison."""

    size: str
    recipe: str
    #: "even": all examples as long as they may be; "mixed": of any length.
    lengths: str
    length: int
    batch: int
    steps: int

    @property
    def name(self) -> str:
        """Return what it is called."""
        return f"{self.size}-{self.recipe}-{self.lengths}"


@dataclass(slots=True)
class Measured:
    """What one process did."""

    #: Of each step once it was warm.
    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    #: What PyTorch held of the GPU at most, and what its driver saw.
    gpu_memory_mib: int = 0
    driver_memory_mib: int = 0
    #: What the process held of the machine's memory at most.
    memory_mib: int = 0
    #: From its start to the end of the first step, and to its own, with all that it reads and writes.
    first_step_seconds: float = 0.0
    whole_seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Return how fast it was."""
        return self.tokens / sum(self.seconds) if self.seconds else 0.0

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "tokens_per_second": round(self.tokens_per_second, 1),
            "step_seconds": round(statistics.median(self.seconds), 4) if self.seconds else None,
            "slowest_step_seconds": round(max(self.seconds), 4) if self.seconds else None,
            "gpu_memory_mib": self.gpu_memory_mib,
            "driver_memory_mib": self.driver_memory_mib,
            "memory_mib": self.memory_mib,
            "first_step_seconds": round(self.first_step_seconds, 1),
            "whole_seconds": round(self.whole_seconds, 1),
        }


class Failed(Exception):
    """A process ended otherwise than it should."""


class Place:
    """A folder with one model and its data."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder = folder / case.name
        self.folder.mkdir(parents=True)
        self.case = case
        self.base = folder / case.size
        self.data = self.folder / "train.jsonl"

    def prepare(self) -> None:
        """Build the model, unless it is there, and write the conversations."""
        if not self.base.exists():
            arguments = ["benchmarks.training", "--build", self.case.size, str(self.base)]
            Process(arguments, self.folder).to_its_end()
        chance = random.Random(7)  # noqa: S311 - the same every time
        words = " ".join(path.read_text("utf-8") for path in sorted(CORPUS.glob("*.txt"))).split()
        rows = [self._conversation(words, chance) for _ in range(self.case.batch * self.case.steps)]
        self.data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        # A disk that still writes gigabytes of weights holds up whoever writes a line.
        os.sync()

    def _conversation(self, words: list[str], chance: random.Random) -> dict[str, Any]:
        """Return an example; a word is more than a token, so an even one is cut to its length."""
        length = self.case.length
        count = length if self.case.lengths == "even" else int(length * chance.uniform(0.05, 0.5))
        first = chance.randrange(len(words))
        said = (words[first:] + words * (1 + count // len(words)))[:count]
        asked = " ".join(said[: count // 16])
        answered = " ".join(said[count // 16 :])
        return {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answered},
            ]
        }

    def start(self, output: str, **facts: str) -> "Process":
        """Start our payload as a cluster does, from the job that its recipe makes."""
        teaching = Teaching(
            base_model=self.base.as_uri(),
            base_name=self.case.size,
            batch=self.case.batch,
            multiplier=1.0,
            max_length=self.case.length,
            rank=16,
            validation_file="",
            validation_sha256="",
            earlier=(),
            python=PYTHON,
            home="",
        )
        run = Run(
            name=output,
            training_file=self.data.as_uri(),
            training_sha256=hashlib.sha256(self.data.read_bytes()).hexdigest(),
            output=(self.folder / output).as_uri(),
            epochs=1,
            seed=0,
            teaching=teaching,
        )
        spec = RECIPES[self.case.recipe](run)
        metrics = self.folder / output / "metrics.jsonl"
        module, *arguments = spec.command[2:]
        return Process([module, *arguments], self.folder, {**spec.environment, **facts}, metrics)


class Process:
    """A module that runs in the trainer's environment; what it says is kept."""

    def __init__(
        self,
        arguments: list[str],
        folder: Path,
        variables: dict[str, str] | None = None,
        metrics: Path | None = None,
    ) -> None:
        self._name = arguments[0]
        self._log = folder / "log"
        self._metrics = metrics
        self.began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own
                [PYTHON, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, **(variables or {})},
                stdout=log,
                stderr=log,
            )

    def to_its_end(self) -> Measured:
        """Wait for its end, which must be a good one; return what it took."""
        found = Measured()
        with Driver() as driver:
            code = self._wait(found)
        found.whole_seconds = time.monotonic() - self.began
        found.driver_memory_mib = driver.most
        if code:
            said = self._log.read_text("utf-8", "replace")[-3000:]
            raise Failed(f"{self._name}: exit code {code}\n{said}")
        return found

    def _wait(self, found: Measured) -> int:
        while True:
            ended, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if not found.first_step_seconds and self._has_stepped(1):
                found.first_step_seconds = time.monotonic() - self.began
            if ended:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                found.memory_mib = usage.ru_maxrss >> 10
                return self._process.returncode
            time.sleep(0.02)

    def stop_after(self, step: int, sign: signal.Signals) -> int:
        """Send it a signal once it has told of the step; return the exit code."""
        while not self._has_stepped(step):
            if self._process.poll() is not None:
                raise Failed(f"{self._name} ended by itself with {self._process.returncode}")
            time.sleep(0.02)
        self._process.send_signal(sign)
        return self._process.wait()

    def _has_stepped(self, step: int) -> bool:
        if self._metrics is None or not self._metrics.exists():
            return False
        return f'"step": {step},' in self._metrics.read_text("utf-8")


class Driver:
    """Watches how much memory of the GPU is taken, by anybody; nothing where there is none."""

    def __init__(self) -> None:
        self.most = 0
        self._before = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Driver":
        """Begin."""
        asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        try:
            told = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603
            self._process = subprocess.Popen(  # noqa: S603
                [*asked, "--loop-ms=200"], stdout=subprocess.PIPE, text=True
            )
        except (OSError, subprocess.CalledProcessError):
            return self
        self._before = int(told.stdout.split()[0])
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        if self._process is None:
            return
        self._process.terminate()
        told = self._process.communicate()[0].split()
        self.most = max((int(each) for each in told), default=self._before) - self._before


def ours(place: Place, output: str, **facts: str) -> Measured:
    """Train with our payload."""
    found = place.start(output, **facts).to_its_end()
    rows = [json.loads(line) for line in (place.folder / output / "metrics.jsonl").open()]
    for before, row in zip(rows[WARM - 1 :], rows[WARM:], strict=False):
        tokens = row["cum_tokens"] - before["cum_tokens"]
        found.tokens += tokens
        found.seconds.append(tokens / row["tokens_per_second"])
    found.gpu_memory_mib = max(row.get("gpu_memory_mib", 0) for row in rows)
    return found


def bare(place: Place, output: str, *, at_once: int, recomputes: bool) -> Measured:
    """Train with the bare script."""
    case = place.case
    out = place.folder / output
    out.mkdir()
    facts = [case.recipe, case.length, case.batch, at_once, int(recomputes), case.steps, out]
    arguments = ["benchmarks.bare_sft", str(place.base), str(place.data), *map(str, facts)]
    process = Process(arguments, place.folder)
    found = process.to_its_end()
    told = json.loads((out / "bare.json").read_text("utf-8"))
    moments, tokens = told["moments"], told["cum_tokens"]
    pairs = zip(moments[WARM:], moments[WARM + 1 :], strict=False)
    found.first_step_seconds = moments[1] - process.began
    found.seconds = [after - before for before, after in pairs]
    found.tokens = tokens[-1] - tokens[WARM]
    found.gpu_memory_mib = told["gpu_memory_mib"]
    return found
