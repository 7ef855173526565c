"""States that a run can go on from: written by the library, committed by us.

A folder counts once ``committed.json`` stands in it, which names every file with its checksum.
Whoever is killed while writing leaves a folder that does not count.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainer.plan import Plan
from trainer.writing import described, files_below, read_json, write_json

FOLDER = "states"
COMMITTED = "committed.json"


@dataclass(frozen=True, slots=True)
class State:
    """How far a run had come, and where that is kept."""

    step: int
    tokens: int
    path: Path


def commit(path: Path, step: int, plan: Plan) -> State:
    """Declare a state whole; from now on its steps are billed."""
    tokens = plan.cum_tokens[step]
    facts = {"step": step, "tokens": tokens, "plan": plan.digest()}
    write_json(path / COMMITTED, {**facts, "files": described(path, files_below(path))})
    return State(step, tokens, path)


def newest(outputs: Iterable[Path], plan: Plan) -> State | None:
    """Return the state that has come farthest on this very plan, and is still as it was written."""
    found = [
        state
        for output in outputs
        for path in (output / FOLDER).glob("checkpoint-*")
        if (state := _read(path, plan))
    ]
    for state in sorted(found, key=lambda state: state.step, reverse=True):
        if _is_whole(state.path):
            return state
    return None


def sweep(output: Path) -> None:
    """Remove what was being written when somebody was killed."""
    for path in (output / FOLDER).glob("*"):
        if not (path / COMMITTED).exists():
            shutil.rmtree(path, ignore_errors=True)


def _read(path: Path, plan: Plan) -> State | None:
    facts = read_json(path / COMMITTED) or {}
    if facts.get("plan") != plan.digest():
        return None
    return State(facts["step"], facts["tokens"], path)


def _is_whole(path: Path) -> bool:
    """Whether every file is what was committed: what is read from it is unpickled."""
    facts = read_json(path / COMMITTED) or {}
    there = [file for file in files_below(path) if file.name != COMMITTED]
    return bool(described(path, there) == facts.get("files"))
