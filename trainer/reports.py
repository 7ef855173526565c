"""What a run tells while it goes, for whoever looks into its folder.

``metrics.jsonl`` has a line per step, and one more for each time that it was measured on examples
it does not learn from. ``receipt.json`` says how far it has come for good: that is the bill.
"""

import csv
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.plan import Plan
from trainer.states import State
from trainer.writing import write_json

METRICS, RECEIPT, RESULT, ERROR = "metrics.jsonl", "receipt.json", "result.csv", "error.json"
#: Comes last, and names all the rest.
MANIFEST = "manifest.json"
COLUMNS = ["step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"]
#: What the library calls it, and we.
NAMES = {
    "loss": "loss",
    "mean_token_accuracy": "accuracy",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "gpu_memory": "gpu_memory_mib",
    "eval_loss": "eval_loss",
    "eval_mean_token_accuracy": "eval_accuracy",
}


class Reports:
    """Writes them."""

    def __init__(self, output: Path, plan: Plan) -> None:
        self._output = output
        self._plan = plan
        self._last = (0, time.monotonic())

    def go_on_from(self, state: State | None) -> None:
        """Keep what was told up to that state, whoever told it; all later steps come again."""
        rows: list[dict[str, Any]] = []
        step = 0
        if state is not None:
            step = state.step
            rows = [row for row in read(state.path.parent.parent) if row["step"] <= step]
        draft = self._output / f".{METRICS}"
        draft.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        draft.replace(self._output / METRICS)
        self._last = (step, time.monotonic())
        self.committed(step)

    def told(self, step: int, logs: Mapping[str, Any]) -> None:
        """Write down what the library says of a step."""
        row: dict[str, Any] = {"step": step, "cum_tokens": self._plan.cum_tokens[step]}
        row |= {ours: float(logs[theirs]) for theirs, ours in NAMES.items() if theirs in logs}
        if "loss" in row:
            before, since = self._last
            self._last = (step, time.monotonic())
            read_since = row["cum_tokens"] - self._plan.cum_tokens[before]
            row["tokens_per_second"] = round(read_since / max(self._last[1] - since, 1e-9), 1)
        with (self._output / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def committed(self, step: int) -> None:
        """Say how far it has come for good."""
        facts = {
            "step": step,
            "steps": self._plan.steps,
            "tokens": self._plan.cum_tokens[step],
            "all_tokens": self._plan.tokens,
            "plan": self._plan.digest(),
        }
        write_json(self._output / RECEIPT, facts)

    def conclude(self) -> None:
        """Write the table that OpenAI's clients know."""
        with (self._output / RESULT).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(_table(read(self._output)))


def read(output: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics; one that is being written is not there yet."""
    try:
        lines = (output / METRICS).read_text("utf-8").split("\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines[:-1]]


def _table(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    by_step: dict[int, dict[str, Any]] = {}
    for row in rows:
        by_step.setdefault(row["step"], {}).update(row)
    for step, row in sorted(by_step.items()):
        values = [row.get(name) for name in ("loss", "accuracy", "eval_loss", "eval_accuracy")]
        yield dict(zip(COLUMNS, [step, *values], strict=True))
