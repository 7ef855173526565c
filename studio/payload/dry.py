"""The dry recipe: works through the dataset as training would, and trains nothing.

It reads every example as often as it was told, counts, leaves a mark after each pass and a
manifest at the end. All around it is what a training recipe needs; the model is not.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.counting import COUNTER, count_example
from studio.validation.dataset import examples
from studio.validation.lines import Readable
from studio.validation.problems import Unusable
from trainer.errors import BadInput, NoInput
from trainer.orders import Order


class Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Read on."""
        piece = self._content.read(size)
        self._digest.update(piece)
        return piece

    def hexdigest(self) -> str:
        """Return the digest of what was read."""
        return self._digest.hexdigest()


def run(order: Order) -> None:
    """Work through the dataset; the manifest is written last, so that who finds it has it all."""
    order.output.mkdir(mode=0o700, parents=True, exist_ok=True)
    step = tokens = 0
    marks = []
    for epoch in range(1, order.epochs + 1):
        for count in _counts(order):
            step, tokens = step + 1, tokens + count
        marks.append({"epoch": epoch, "step": step, "tokens": tokens})
        _write_json(order.output / f"checkpoint-{epoch}.json", marks[-1])
    with (order.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["epoch", "step", "tokens"])
        table.writeheader()
        table.writerows(marks)
    written = sorted(path for path in order.output.iterdir() if not path.name.startswith("."))
    _write_json(
        order.output / "manifest.json",
        {
            "recipe": "dry",
            "trains": False,
            "counter": COUNTER,
            "tokens": tokens,
            "checkpoints": [{**mark, "path": f"checkpoint-{mark['epoch']}.json"} for mark in marks],
            "result_file": "result.csv",
            "files": [_described(path) for path in written if path.name != "manifest.json"],
        },
    )


def _counts(order: Order) -> Iterator[int]:
    """Yield each example's tokens; refuse a file that is not the one that was promised."""
    try:
        with order.training_file.open("rb") as content:
            hashed = Hashed(content)
            for example in examples(hashed):
                order.go_on()
                yield count_example(example)
    except FileNotFoundError:
        raise NoInput("the training file is not there") from None
    except Unusable as error:
        raise BadInput(str(error)) from None
    if hashed.hexdigest() != order.training_sha256:
        raise BadInput("the training file is not the one that was checked")


def _described(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "path": path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(facts), "utf-8")
    draft.replace(path)
