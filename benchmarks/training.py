"""How fast our payload trains, beside a bare TRL script: ``python -m benchmarks.training``.

Builds a random Llama of a real size on the spot, and conversations to teach it. Payload and script
train on the same examples, as many in a step and as many at a time, in turn and each in a process of
its own; what counts is tokens per second once both run. Then the payload is killed and goes on, and
on a GPU it goes through once more where others hold most of the memory: the bill must be that of
the plan. It needs the trainer's environment (``TRAINER_PYTHON``), and no network.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.teaching import PYTHON, Case, Measured, Place, bare, ours

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
CASES = {
    "tiny": [Case("tiny", "lora", "mixed", 128, 8, 24), Case("tiny", "full", "even", 128, 8, 24)],
    "1b": [
        Case("1b", "lora", "mixed", 2048, 16, 16),
        Case("1b", "full", "even", 2048, 16, 8),
        Case("1b", "qlora", "even", 2048, 16, 8),
    ],
    "8b": [Case("8b", "lora", "even", 2048, 16, 6), Case("8b", "qlora", "even", 2048, 16, 6)],
}
#: What is left of the memory that a payload took where it had all.
LEFT = 0.4
#: Takes the memory of a GPU, all but so many MiB, until it hears something.
HOG = """
import sys, torch
free = torch.cuda.mem_get_info()[0] - (int(sys.argv[1]) << 20)
held = torch.empty(max(free, 1), dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


def compare(place: Place, rounds: int, *, on_gpu: bool) -> dict[str, Any]:
    """Return both, in turn, and the ratio of each turn; TRL's usual way where ours is another."""
    if on_gpu:
        # Whoever comes first waits for the kernels of a cold disk, once for every shape of a batch.
        ours(place, "cold")
    turns = [_turn(place, number) for number in range(rounds)]
    manifest = _json(place.folder / "ours-0" / "manifest.json")
    ratios = [turn["ours"].tokens_per_second / turn["bare"].tokens_per_second for turn in turns]
    found = {
        "case": place.case.name,
        **asdict(place.case),
        "at_once": manifest["at_once"],
        "recomputes": manifest["recomputes"],
        "tokens": manifest["tokens"],
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        **{who: _middle([turn[who] for turn in turns]) for who in ("ours", "bare")},
    }
    if on_gpu and not manifest["recomputes"]:
        usual = bare(place, "usual", at_once=manifest["at_once"], recomputes=True)
        found["usual"] = usual.facts()
    return found


def _turn(place: Place, number: int) -> dict[str, Measured]:
    our = ours(place, f"ours-{number}")
    pace = _json(place.folder / f"ours-{number}" / "manifest.json")
    their = bare(place, f"bare-{number}", at_once=pace["at_once"], recomputes=pace["recomputes"])
    return {"ours": our, "bare": their}


def _middle(found: list[Measured]) -> dict[str, Any]:
    """Return the one of middling speed."""
    ranked = sorted(found, key=lambda each: each.tokens_per_second)
    return ranked[len(ranked) // 2].facts()


def interrupted(place: Place) -> dict[str, Any]:
    """Kill the payload after some steps, ask the second to end, let the third finish."""
    stops = []
    for sign, step in ((signal.SIGKILL, 3), (signal.SIGTERM, 5)):
        code = place.start("killed", STUDIO_SAVE_SECONDS="0").stop_after(step, sign)
        receipt = _json(place.folder / "killed" / "receipt.json")
        stops.append({"signal": sign.name, "exit_code": code, **receipt})
    place.start("killed", STUDIO_SAVE_SECONDS="0").to_its_end()
    return {"case": place.case.name, "stops": stops, **_bill(place, "killed")}


def crowded(place: Place, memory_mib: int) -> dict[str, Any]:
    """Let the payload go through where others hold all of the GPU but part of what it would take."""
    left = int(memory_mib * LEFT)
    with _hog(left):
        found = ours(place, "crowded")
    manifest = _json(place.folder / "crowded" / "manifest.json")
    said = (place.folder / "crowded" / "said.jsonl").read_text("utf-8").splitlines()
    return {
        "case": place.case.name,
        "left_mib": left,
        "at_once": manifest["at_once"],
        "recomputes": manifest["recomputes"],
        "said": [json.loads(line)["message"] for line in said],
        **found.facts(),
        **_bill(place, "crowded"),
    }


@contextmanager
def _hog(left: int) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - our own
        [PYTHON, "-c", HOG, str(left)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        if process.stdout and process.stdout.readline():
            yield
    finally:
        process.communicate()


def _bill(place: Place, output: str) -> dict[str, Any]:
    """Return how a run has ended, and whether that is what the first has ended with."""
    plain = _json(place.folder / "ours-0" / "receipt.json")
    last = _json(place.folder / output / "receipt.json")
    return {
        "end": last,
        "same_plan": last["plan"] == plain["plan"],
        "same_bill": last["tokens"] == plain["tokens"] == last["all_tokens"],
    }


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


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


ASKED = """
import importlib.util, json, platform, torch, transformers, trl, peft
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
print(json.dumps({"gpu": gpu, "cuda": torch.version.cuda, "python": platform.python_version(),
    "torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__,
    "peft": peft.__version__, "quantizes": bool(importlib.util.find_spec("bitsandbytes"))}))
"""


def machine() -> dict[str, Any]:
    """Return where this ran, as the trainer's environment sees it."""
    done = subprocess.run(  # noqa: S603 - our own
        [PYTHON, "-c", ASKED], stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: dict[str, Any]) -> str:
    """Return one comparison as lines for people."""
    kept = "reckoned once more" if found["recomputes"] else "kept"
    lines = [
        f"{found['case']}: {found['tokens']:,} tokens, {found['at_once']} examples at once, {kept}"
    ]
    lines += [_line(who, found[who]) for who in ("ours", "bare", "usual") if who in found]
    lines.append(f"  ours / bare = {found['ratio']} {found['ratios']}")
    return "\n".join(lines)


def _line(who: str, one: dict[str, Any]) -> str:
    return (
        f"  {who:5} {one['tokens_per_second']:>9,.0f} tokens/s {one['step_seconds']:8.3f} s/step"
        f"  GPU {one['gpu_memory_mib']:>7,} ({one['driver_memory_mib']:,})"
        f"  RSS {one['memory_mib']:>6,} MiB"
        f"  first step {one['first_step_seconds']:5.1f} s, all {one['whole_seconds']:5.1f} s"
    )


def main() -> int:
    """Measure what was asked for; what is known is written after every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", nargs="+", choices=sorted(CASES), default=["tiny"])
    parser.add_argument("--recipe", nargs="+", default=["lora", "full", "qlora"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where all of it is kept; nothing is otherwise")
    parser.add_argument("--json", type=Path, help="where the results are written")
    parser.add_argument("--build", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.build:
        build(asked.build[0], Path(asked.build[1]))
        return 0
    report: dict[str, Any] = {"machine": machine(), "comparisons": [], "interruptions": []}
    print(json.dumps(report["machine"]), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for case in _cases(asked, report["machine"]):
            measure(Place(asked.folder or Path(scratch), case), asked.rounds, report)
            if asked.json:
                asked.json.write_text(json.dumps(report, indent=1), "utf-8")
    return 0 if all(found["same_bill"] for found in report["interruptions"]) else 1


def _cases(asked: argparse.Namespace, machine: dict[str, Any]) -> list[Case]:
    """Return what is measured: where nothing can be quantized, that is left out."""
    cases = [case for size in asked.size for case in CASES[size] if case.recipe in asked.recipe]
    can = machine["quantizes"] and machine["gpu"]
    return [case for case in cases if case.recipe != "qlora" or can]


def measure(place: Place, rounds: int, report: dict[str, Any]) -> None:
    """Add all of one case to the report; where examples are of any length, with interruptions."""
    place.prepare()
    on_gpu = report["machine"]["gpu"] is not None
    found = compare(place, rounds, on_gpu=on_gpu)
    report["comparisons"].append(found)
    print(table(found), flush=True)
    if place.case.lengths != "mixed":
        return
    ends = [interrupted(place)]
    if on_gpu:
        ends.append(crowded(place, found["ours"]["driver_memory_mib"]))
    report["interruptions"] += ends
    for end in ends:
        print(json.dumps(end), flush=True)


if __name__ == "__main__":
    sys.exit(main())
