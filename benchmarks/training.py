"""How fast our payload trains, beside a bare TRL script: ``python -m benchmarks.training``.

Builds a random Llama of a real size on the spot, and conversations to teach it. Payload and script
train on the same examples, as many in a step and as many at a time, each in a process of its own;
what counts is tokens per second once both run. Then the payload is killed and goes on: the bill must
be that of the plan. It needs the trainer's environment (``TRAINER_PYTHON``), and no network.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "gateway" / "upstreams" / "demo" / "corpus"
PYTHON = os.environ.get("TRAINER_PYTHON", sys.executable)
#: Steps that only warm up.
WARM = 2
#: What a random model of each size is built of.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1200,
        "tie_word_embeddings": True,
    },
    "1b": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256,
        "tie_word_embeddings": True,
    },
    "8b": {
        "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256,
        "tie_word_embeddings": False,
    },
}  # fmt: skip


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


CASES = {
    "tiny": [Case("tiny", "lora", "mixed", 128, 8, 8), Case("tiny", "full", "even", 128, 8, 8)],
    "1b": [Case("1b", "full", "even", 2048, 16, 8), Case("1b", "lora", "mixed", 2048, 16, 10)],
    "8b": [Case("8b", "lora", "even", 2048, 16, 6)],
}


@dataclass(slots=True)
class Measured:
    """What one of the two did."""

    #: Of each step once it was warm.
    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    gpu_memory_mib: int = 0
    #: The process, with all that it reads and writes.
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
            "gpu_memory_mib": self.gpu_memory_mib,
            "whole_seconds": round(self.whole_seconds, 1),
        }


class Failed(Exception):
    """A process ended otherwise than it should."""


class Place:
    """A folder with one model and its data."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder = folder / case.name
        self.folder.mkdir()
        self.case = case
        self.base = folder / case.size
        self.data = self.folder / "train.jsonl"

    def prepare(self) -> None:
        """Build the model, unless it is there, and write the conversations."""
        if not self.base.exists():
            run(["benchmarks.training", "--build", self.case.size, str(self.base)], self.folder)
        chance = random.Random(7)  # noqa: S311 - the same every time
        words = " ".join(path.read_text("utf-8") for path in sorted(CORPUS.glob("*.txt"))).split()
        rows = [self._conversation(words, chance) for _ in range(self.case.batch * self.case.steps)]
        self.data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

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

    def order(self, output: str, **facts: str) -> tuple[Path, Path]:
        """Write an order; return it, and where its results go."""
        out = self.folder / output
        variables = {
            "STUDIO_RECIPE": self.case.recipe,
            "STUDIO_TRAINING_FILE": self.data.as_uri(),
            "STUDIO_TRAINING_SHA256": hashlib.sha256(self.data.read_bytes()).hexdigest(),
            "STUDIO_OUTPUT": out.as_uri(),
            "STUDIO_EPOCHS": "1",
            "STUDIO_BASE_MODEL": self.base.as_uri(),
            "STUDIO_BATCH_SIZE": str(self.case.batch),
            "STUDIO_MAX_LENGTH": str(self.case.length),
            **facts,
        }
        path = self.folder / f"{output}.json"
        path.write_text(json.dumps(variables), "utf-8")
        return path, out


def start(arguments: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a module in the trainer's environment; what it says is kept."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own
            [PYTHON, "-m", *arguments], cwd=ROOT, stdout=log, stderr=log
        )


def run(arguments: list[str], folder: Path) -> float:
    """Run a module to its end; return how long that took."""
    began = time.monotonic()
    code = start(arguments, folder).wait()
    if code:
        raise Failed(f"{arguments[0]}: exit code {code}\n" + (folder / "log").read_text()[-3000:])
    return time.monotonic() - began


def ours(place: Place) -> Measured:
    """Train with our payload."""
    order, out = place.order("ours")
    whole = run(["trainer", str(order)], place.folder)
    return from_metrics(out, whole)


def from_metrics(out: Path, whole: float, first: int = 0) -> Measured:
    """Return what the payload reported, from some steps after the first on."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "loss" in row and row["step"] >= first]
    found = Measured(whole_seconds=whole)
    for before, row in zip(rows[WARM - 1 :], rows[WARM:], strict=False):
        tokens = row["cum_tokens"] - before["cum_tokens"]
        found.tokens += tokens
        found.seconds.append(tokens / row["tokens_per_second"])
    found.gpu_memory_mib = max(row.get("gpu_memory_mib", 0) for row in rows)
    return found


def bare(place: Place, at_once: int) -> Measured:
    """Train with the bare script."""
    case = place.case
    out = place.folder / "bare"
    out.mkdir()
    facts = [case.recipe, case.length, case.batch, at_once, case.steps, out]
    arguments = ["benchmarks.bare_sft", str(place.base), str(place.data), *map(str, facts)]
    whole = run(arguments, place.folder)
    found = json.loads((out / "bare.json").read_text("utf-8"))
    moments, tokens = found["moments"], found["cum_tokens"]
    pairs = zip(moments[WARM:], moments[WARM + 1 :], strict=False)
    seconds = [after - before for before, after in pairs]
    return Measured(seconds, tokens[-1] - tokens[WARM], found["gpu_memory_mib"], whole)


def compare(place: Place) -> dict[str, Any]:
    """Return both, and the ratio."""
    our = ours(place)
    manifest = json.loads((place.folder / "ours" / "manifest.json").read_text("utf-8"))
    their = bare(place, manifest["at_once"])
    return {
        "case": place.case.name,
        **asdict(place.case),
        "at_once": manifest["at_once"],
        "tokens": manifest["tokens"],
        "ours": our.facts(),
        "bare": their.facts(),
        "ratio": round(our.tokens_per_second / their.tokens_per_second, 3),
    }


def interrupted(place: Place) -> dict[str, Any]:
    """Kill the payload after some steps, ask the second to end, let the third finish."""
    order, out = place.order("killed", STUDIO_SAVE_SECONDS="0")
    stops = []
    for sign, step in ((signal.SIGKILL, 3), (signal.SIGTERM, 5)):
        process = start(["trainer", str(order)], place.folder)
        wait_for_step(process, out, step)
        process.send_signal(sign)
        stops.append({"signal": sign.name, "exit_code": process.wait(), **receipt(out)})
    run(["trainer", str(order)], place.folder)
    plain = receipt(place.folder / "ours")
    last = receipt(out)
    return {
        "case": place.case.name,
        "stops": stops,
        "end": last,
        "same_plan": last["plan"] == plain["plan"],
        "same_bill": last["tokens"] == plain["tokens"] == last["all_tokens"],
    }


def receipt(out: Path) -> dict[str, Any]:
    """Return how far a run has come for good."""
    found: dict[str, Any] = json.loads((out / "receipt.json").read_text("utf-8"))
    return found


def wait_for_step(process: subprocess.Popen[bytes], out: Path, step: int) -> None:
    """Wait until the step stands in the metrics."""
    mark = f'"step": {step},'
    while process.poll() is None:
        if (out / "metrics.jsonl").exists() and mark in (out / "metrics.jsonl").read_text():
            return
        time.sleep(0.02)
    raise Failed(f"the payload ended by itself with {process.returncode}")


def build(size: str, folder: Path) -> None:
    """Lay a random model of that size into the folder. Runs in the trainer's environment."""
    import torch  # noqa: PLC0415 - only where it is
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    from tests.engines.model import tokenizer  # noqa: PLC0415

    made = tokenizer()
    special = {"bos_token_id": 0, "eos_token_id": 3, "pad_token_id": 3}
    config = LlamaConfig(**SIZES[size], max_position_embeddings=8192, **special)
    torch.manual_seed(7)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    made.save_pretrained(folder)


def machine() -> dict[str, Any]:
    """Return where this ran, as the trainer's environment sees it."""
    asked = (
        "import json, platform, torch, transformers, trl, peft; gpu = torch.cuda.is_available(); "
        "print(json.dumps({'gpu': torch.cuda.get_device_name(0) if gpu else None, "
        "'python': platform.python_version(), 'torch': torch.__version__, "
        "'transformers': transformers.__version__, 'trl': trl.__version__, "
        "'peft': peft.__version__}))"
    )
    done = subprocess.run(  # noqa: S603 - our own
        [PYTHON, "-c", asked], stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: dict[str, Any]) -> str:
    """Return one comparison as lines for people."""
    lines = [f"{found['case']}: {found['tokens']:,} tokens, {found['at_once']} examples at once"]
    for who in ("ours", "bare"):
        one = found[who]
        lines.append(
            f"  {who:5} {one['tokens_per_second']:>10,.0f} tokens/s  {one['step_seconds']:8.3f} s/step"
            f"  {one['gpu_memory_mib']:>7,} MiB  {one['whole_seconds']:6.1f} s in all"
        )
    lines.append(f"  ours / bare = {found['ratio']}")
    return "\n".join(lines)


def main() -> int:
    """Measure what was asked for; what is known is written after every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", nargs="+", choices=sorted(CASES), default=["tiny"])
    parser.add_argument("--json", type=Path, help="where the results are written")
    parser.add_argument("--build", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.build:
        build(asked.build[0], Path(asked.build[1]))
        return 0
    report: dict[str, Any] = {"machine": machine(), "comparisons": [], "interruptions": []}
    print(json.dumps(report["machine"]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for case in [case for size in asked.size for case in CASES[size]]:
            measure(Place(Path(folder), case), report)
            if asked.json:
                asked.json.write_text(json.dumps(report, indent=1), "utf-8")
    return 0 if all(found["same_bill"] for found in report["interruptions"]) else 1


def measure(place: Place, report: dict[str, Any]) -> None:
    """Add all of one case to the report; adapters are small enough to be interrupted."""
    place.prepare()
    report["comparisons"].append(compare(place))
    print(table(report["comparisons"][-1]), flush=True)
    if place.case.recipe == "lora" and place.case.lengths == "mixed":
        report["interruptions"].append(interrupted(place))
        print(json.dumps(report["interruptions"][-1]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
