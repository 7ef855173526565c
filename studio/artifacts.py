"""What a job wrote, believed only after a look: the payload works on customers' data.

A folder per attempt, beside the clusters; ``manifest.json`` comes last and names all the rest.
"""

import hashlib
import json
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

LARGEST_MANIFEST = 1_000_000
#: A line per step: enough for a hundred thousand.
LARGEST_METRICS = 32_000_000
RECEIPT = ("step", "steps", "tokens", "all_tokens")
MEASURED = ("step", "loss", "eval_loss", "learning_rate", "tokens_per_second")
#: Of a file, at most one folder down.
NAME = re.compile(r"([a-z0-9][a-z0-9_.-]{0,99}/)?[a-z0-9][a-z0-9_.-]{0,99}")
#: What can be learnt: something beside a model's weights, or weights.
LEARNT = ("adapter", "model")
#: What is said where a payload blames what it was given and does not say why.
UNSAID = ("invalid_training_file", "The training file could not be read as it was checked.")


class BadArtifacts(Exception):
    """What the job left cannot be taken over."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the job had come after a pass."""

    epoch: int
    step: int
    tokens: int
    sha256: str
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the job says it did, as far as it could be checked."""

    tokens: int
    marks: tuple[Mark, ...]
    result_file: Path
    #: Where what was learnt lies, an adapter or a model; empty where nothing was.
    learnt: str
    #: By which all of it is known: it names every file with its own.
    sha256: str


def folder(name: str) -> Path:
    """Return where the attempt of this name writes."""
    return Path(settings.ARTIFACTS_ROOT) / name


def address(name: str) -> str:
    """Return the same as its payload is told."""
    return folder(name).as_uri()


def read(name: str, *, tokens: int) -> Manifest:
    """Return the manifest after hashing every file it names and comparing its count."""
    path = folder(name) / "manifest.json"
    try:
        if path.stat().st_size > LARGEST_MANIFEST:
            raise BadArtifacts("the manifest is too large")
        content = path.read_bytes()
        facts: dict[str, Any] = json.loads(content)
        hashes = {entry["path"]: _checked(name, entry) for entry in facts["files"]}
        marks = tuple(_mark(name, mark, hashes[mark["path"]]) for mark in facts["checkpoints"])
        result = folder(name) / facts["result_file"]
        if facts["result_file"] not in hashes or facts["tokens"] != tokens:
            raise BadArtifacts("the manifest does not agree with the dataset")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadArtifacts(f"the manifest cannot be used ({type(error).__name__})") from None
    learnt = facts.get("learnt") if facts.get("learnt") in LEARNT else ""
    return Manifest(tokens, marks, result, learnt or "", hashlib.sha256(content).hexdigest())


def _mark(name: str, mark: dict[str, Any], sha256: str) -> Mark:
    found = _facts(folder(name) / mark["path"]).get("metrics", {})
    metrics = {key: float(value) for key, value in found.items() if value is not None}
    return Mark(mark["epoch"], mark["step"], mark["tokens"], sha256, metrics)


def refusal(name: str) -> tuple[str, str, str]:
    """Return why a payload blames what it was given: a code, a sentence, what it blames."""
    told = _facts(folder(name) / "error.json")
    code, message = UNSAID
    param = told.get("param") if told else "training_file"
    found = (told.get("code") or code, told.get("message") or message, param or "")
    code, message, param = (str(each) for each in found)
    return code[:60], f"{message[:1].upper()}{message[1:].rstrip('.')}."[:500], param[:60]


def said(name: str) -> list[str]:
    """Return what an attempt tells its owner, as far as it has said it."""
    path = folder(name) / "said.jsonl"
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST_MANIFEST:
            return []
        lines = path.read_text("utf-8").split("\n")[:-1]
        return [str(json.loads(line)["message"])[:500] for line in lines]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def committed(name: str, *, most: int) -> int:
    """Return the tokens up to which an attempt has trained for good, whatever became of it."""
    found = _facts(folder(name) / "receipt.json").get("tokens", 0)
    return max(0, min(found, most)) if isinstance(found, int) else 0


def receipt(name: str) -> dict[str, int]:
    """Return how far an attempt says it has come for good: steps and tokens, done and in all."""
    found = _facts(folder(name) / "receipt.json")
    return {key: found[key] for key in RECEIPT if isinstance(found.get(key), int)}


def metrics(name: str) -> list[dict[str, float]]:
    """Return what an attempt has measured at its steps, as far as it has said it."""
    path = folder(name) / "metrics.jsonl"
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST_METRICS:
            return []
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
        return [_measured(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _measured(row: dict[str, Any]) -> dict[str, float]:
    found = {key: float(row[key]) for key in MEASURED if row.get(key) is not None}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _facts(path: Path) -> dict[str, Any]:
    """Return what a small file says; nothing where there is none that can be read."""
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST_MANIFEST:
            return {}
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _checked(name: str, entry: dict[str, Any]) -> str:
    if not NAME.fullmatch(entry["path"]):
        raise BadArtifacts("the manifest names a file outside its folder")
    path = folder(name) / entry["path"]
    if path.is_symlink() or path.parent.is_symlink():
        raise BadArtifacts("the manifest names a link")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry["sha256"] or path.stat().st_size != entry["bytes"]:
        raise BadArtifacts(f"{entry['path']} is not what the manifest says")
    return found


def every() -> list[str]:
    """Return the names of all attempts that have written something."""
    root = Path(settings.ARTIFACTS_ROOT)
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def remove(name: str) -> None:
    """Remove what an attempt wrote."""
    shutil.rmtree(folder(name), ignore_errors=True)
